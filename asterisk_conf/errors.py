"""What can go wrong while Asterisk is installed or run, each with the remedy in its message.

The message of every error is one line that a person can act on; the commands print it as it is and
exit with 1. The tree::

    PbxError                    (a `cti.domain.errors.RingdeskError`)
    ├── InstallError            the private Asterisk could not be put into the cache
    │   ├── NoNetwork           no name resolution or no route
    │   ├── MirrorUnreachable   the package mirror does not answer, or not with a package archive
    │   ├── MirrorUnknown       the host's apt sources name no usable mirror
    │   ├── MirrorUntrusted     the mirror's signature does not verify with the host's keyring
    │   ├── DownloadDamaged     a package or an index differs from its checksum
    │   ├── PackagesMissing     no suite has the packages we need
    │   ├── DiskFull            not enough room in the cache
    │   └── UnsupportedHost     no apt or dpkg, an unknown architecture, a binary that does not run
    ├── PortInUse               another process holds a port that the PBX or the service needs
    ├── StartFailed             Asterisk ended or did not answer while starting
    ├── NotRunning              a command for a PBX that is not up
    └── CommandFailed           Asterisk refused a control command, or did not answer it
"""

from cti.domain.errors import RingdeskError


class PbxError(RingdeskError):
    """Something about the PBX failed; the message names the remedy."""


class InstallError(PbxError):
    """The private Asterisk could not be installed."""


class NoNetwork(InstallError):
    """The mirror's name does not resolve or no route leads there."""


class MirrorUnreachable(InstallError):
    """The package mirror does not answer as one."""


class MirrorUnknown(InstallError):
    """The host's apt sources name no mirror that has Asterisk."""


class MirrorUntrusted(InstallError):
    """The mirror's signature does not verify."""


class DownloadDamaged(InstallError):
    """A download differs from its checksum."""


class PackagesMissing(InstallError):
    """No suite offers the packages."""


class DiskFull(InstallError):
    """Not enough room in the cache."""


class UnsupportedHost(InstallError):
    """This host cannot carry the private Asterisk."""


class PortInUse(PbxError):
    """Another process holds a port that is needed."""


class StartFailed(PbxError):
    """Asterisk did not come up."""


class NotRunning(PbxError):
    """No PBX of this deployment is running."""


class CommandFailed(PbxError):
    """A control command failed."""
