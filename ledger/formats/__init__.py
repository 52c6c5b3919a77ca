"""The bytes that are signed, hashed and carried: one module for each format, trees and keys under them."""
