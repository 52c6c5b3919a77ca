"""``python -m stations`` is the command ``banjian``, for machines where scripts are not on the path."""

import sys

from stations.start import main

sys.exit(main())
