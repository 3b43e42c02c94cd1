import sys

from .evaluation import main

sys.exit(main())
