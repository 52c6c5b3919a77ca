"""What is printed or taken away as a file: documents, the slip, Excel sheets."""
