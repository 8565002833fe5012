"""Upload artefact folders to an S3-compatible store, where a Seldon Model finds them by its storageUri.

Each lands in s3://BUCKET/PREFIX/<model>/<version>/. The version follows from the content, and content never changes
under a version. Credentials come from AWS's standard chain (environment, profile, role) and from nowhere else.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import yaml

from rolloutmodels import packages
from rolloutmodels.packages import SETTINGS, File, Package, PackageError

try:
    from rolloutmodels.stores import Store, StoreError, connect
except ModuleNotFoundError as missing:
    print(f"{missing.name} is not installed: pip install 'modelrollout[push]'", file=sys.stderr)
    raise SystemExit(2) from missing

CAPABILITY = "rolloutmodels"  # what a Seldon Server must say it has; docs/models.md declares such a Server


class Conflict(Exception):
    """A version in the store holds something else; the sentence says where, and the cure."""


@dataclass(frozen=True)
class Upload:
    """A package, where it goes, and what of it is not there yet."""

    package: Package
    folder: str
    """Prefix of its keys, without a slash at the end."""
    missing: tuple[File, ...]
    replaced: tuple[File, ...] = ()

    @property
    def is_there(self) -> bool:
        return not (self.missing or self.replaced)


def main() -> int:
    """0, or 2 after a sentence on stderr."""
    options = _parse()
    told = sys.stderr if options.output == "yaml" else sys.stdout
    try:
        chosen = packages.read_all(options.artefacts, options.models, options.torch)
        store = connect(options.bucket, options.endpoint, options.region)
        # All are looked at before the first is written: a conflict in one leaves the others unpushed too.
        uploads = [plan(store, package, _folder(options, package), options.force) for package in chosen]
        for upload in uploads:
            if not options.dry_run:
                execute(store, upload)
            _tell(store, upload, options.dry_run, told)
    except (PackageError, StoreError, Conflict) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.output == "yaml":
        print(manifests(store, uploads, options.secret), end="")
    return 0


def plan(store: Store, package: Package, folder: str, force: bool = False) -> Upload:
    """What has to be written. Raises Conflict when the version holds other content and `force` is not set."""
    there = {key.removeprefix(f"{folder}/") for key in store.keys(f"{folder}/")}
    if strangers := there - {file.name for file in package.files}:
        raise Conflict(
            f"{store.uri(folder)} also holds {', '.join(sorted(strangers))}, which a server would load as well; "
            "remove it or push another --version."
        )
    known = [file for file in package.files if file.name in there]
    changed = tuple(file for file in known if store.get(f"{folder}/{file.name}") != file.content)
    if changed and not force:
        raise Conflict(
            f"{store.uri(folder)} holds another {changed[0].name} already; push another --version, "
            "or replace it with --force if no Model loads it."
        )
    return Upload(package, folder, tuple(file for file in package.files if file.name not in there), changed)


def execute(store: Store, upload: Upload) -> None:
    """Write and read back. The settings go last, and before a change first: without them no server loads the folder.

    Raises StoreError; what was written until then is not loadable, and the next push goes on from there.
    """
    if upload.replaced:
        store.delete(f"{upload.folder}/{SETTINGS}")
    needs_settings = not upload.is_there
    for file in (*upload.missing, *upload.replaced):
        if file.name != SETTINGS:
            _write(store, upload.folder, file)
    if needs_settings:
        (settings,) = (file for file in upload.package.files if file.name == SETTINGS)
        _write(store, upload.folder, settings)


def _write(store: Store, folder: str, file: File) -> None:
    key = f"{folder}/{file.name}"
    store.put(key, file.content)
    if store.get(key) != file.content:
        # An object that cannot be trusted must not look like one that can.
        store.delete(key)
        raise StoreError(f"{store.uri(key)} does not hold what was written to it; look at the store, and push again.")


def manifests(store: Store, uploads: list[Upload], secret: str | None) -> str:
    """Seldon Models for `kubectl apply -f -`, one YAML document each."""
    models = [model(upload.package.model, store.uri(upload.folder), secret) for upload in uploads]
    return yaml.safe_dump_all(models, explicit_start=True, sort_keys=False)


def model(name: str, storage_uri: str, secret: str | None) -> dict[str, Any]:
    """A Seldon Model; without `secret` the server's own rclone remote named s3 is used."""
    spec = {"storageUri": storage_uri} | ({"secretName": secret} if secret else {}) | {"requirements": [CAPABILITY]}
    return {"apiVersion": "mlops.seldon.io/v1alpha1", "kind": "Model", "metadata": {"name": name}, "spec": spec}


def _tell(store: Store, upload: Upload, is_dry_run: bool, to: TextIO) -> None:
    count = len(upload.missing) + len(upload.replaced)
    files = f"{count} of {len(upload.package.files)} files, {upload.package.size / 1e6:.2f} MB in all"
    done = "would upload" if is_dry_run else "uploaded"
    result = "already there" if upload.is_there else f"{done} {files}"
    print(f"{upload.package.model}: {store.uri(upload.folder)} ({result})", file=to, flush=True)


def _folder(options: argparse.Namespace, package: Package) -> str:
    parts = (options.prefix, package.model, options.version or package.content_version)
    return "/".join(part for part in parts if part)


def _parse() -> argparse.Namespace:
    summary, _, detail = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(prog="python -m rolloutmodels.push", description=summary, epilog=detail)
    parser.add_argument("--bucket", required=True, help="must exist")
    parser.add_argument("--prefix", type=_prefix, default="models", help="of all keys; default %(default)s")
    parser.add_argument("--endpoint", help="URL of a store that is not AWS")
    parser.add_argument("--region", help="of the bucket; default by AWS's standard chain")
    parser.add_argument("--version", type=_version, help="a name of your own; default follows from the content")
    parser.add_argument("--models", type=_names, help="some of them, as in baseline,enhanced; default all")
    parser.add_argument("--artefacts", type=Path, default=Path("models/artefacts"), help="default %(default)s")
    parser.add_argument("--torch", action="store_true", help="ship model.pt for the torch runtime, not model.onnx")
    parser.add_argument("--force", action="store_true", help="replace other content under the same version")
    parser.add_argument("--dry-run", action="store_true", help="check and look, but write nothing")
    parser.add_argument("--secret", help="spec.secretName of the printed Models")
    parser.add_argument("-o", "--output", choices=["text", "yaml"], default="text", help="yaml: Models for kubectl")
    return parser.parse_args()


def _prefix(text: str) -> str:
    if not re.fullmatch(r"([\w.-]+(/[\w.-]+)*)?", text.strip("/"), re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} may hold letters, digits and any of ._-/ only")
    return text.strip("/")


def _version(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,62}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} may hold letters, digits and any of ._- only, at most 63")
    return text


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


if __name__ == "__main__":
    sys.exit(main())
