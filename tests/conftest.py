"""What every test needs before it is read."""

# Before TensorFlow, which makes the models of some: libsrtp crashes while it begins in a process
# that has TensorFlow's copy of OpenSSL already. See WebrtcSink.
import pylibsrtp  # noqa: F401
