"""First process of a Fargate task: fetch the artifact by its hash, unpack it, become the API.

The root file system is read-only; the artifact lives in the memory file system at ``ARTIFACT_DIR``.
"""

import os
import sys
import zipfile


def main(environ, argv):
    """Replaces this process by the API; every failure ends it with a line that says why."""
    folder = environ["ARTIFACT_DIR"]
    archive = os.path.join(folder, "artifact.zip")
    try:
        # Defined in fetch.py, which stands before this text.
        fetch(  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
            environ["ARTIFACT_BUCKET"],
            environ["ARTIFACT_KEY"],
            environ["ARTIFACT_SHA256"],
            archive,
            environ["AWS_REGION"],
            environ,
        )
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(os.path.join(folder, "app"))
        os.unlink(archive)
    except Exception as error:
        print(f"the API cannot start: {error}", file=sys.stderr, flush=True)
        return 1
    os.chdir(os.path.join(folder, "app"))
    os.execv(sys.executable, [sys.executable, "-m", "api_handler", *argv])  # noqa: S606
    return 1


if __name__ == "__main__":
    sys.exit(main(os.environ, sys.argv[1:]))
