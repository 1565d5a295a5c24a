"""``python -m cli.daemons.tiny_image`` builds the image and prints its path; it takes no other decision."""

import sys
import time
from pathlib import Path

from cli.daemons.tiny_image.build import build, cached_image_path, default_cache_dir


def main() -> None:
    cache_dir = Path(sys.argv[1]) if len(sys.argv) > 1 else default_cache_dir()
    cached = cached_image_path(cache_dir).exists()
    began_seconds = time.monotonic()
    image = build(cache_dir, report=lambda line: print(line, file=sys.stderr))
    size_mebibytes = image.stat().st_size / 2**20
    how = "was there already" if cached else f"built in {time.monotonic() - began_seconds:.0f} s"
    print(f"{size_mebibytes:.0f} MiB, {how}", file=sys.stderr)
    print(image)


if __name__ == "__main__":
    main()
