"""What one needs to test an intervention of one's own: the laws that every intervention keeps, and ways to break its kernel
which must be found out. Importing this imports torch."""

from circuitcheck.testing.broken import BUGS, Broken, Bug, broken_kernels, each_write
from circuitcheck.testing.laws import LAWS, check_kernel

__all__ = ["BUGS", "LAWS", "Broken", "Bug", "broken_kernels", "check_kernel", "each_write"]
