"""``python -m tersus.service.cli``."""

from . import main

if __name__ == "__main__":
    main()
