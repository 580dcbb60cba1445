use crate::namespaces::{Namespace, command_of, run, succeeds};

/// A link between the network of the test and that of a host, which can be cut.
#[derive(Debug)]
pub struct Cable;

const OWN_END: &str = "cable0";
const FAR_END: &str = "cable1";

impl Cable {
    /// The test's address, at which the host finds what listens on all addresses.
    pub const ADDRESS: &str = "10.77.0.1";

    /// Joins both networks.
    #[must_use]
    #[track_caller]
    pub fn lay(to: &Namespace) -> Self {
        run(&format!("ip link add {OWN_END} type veth peer name {FAR_END} netns {}", to.pid()));
        run(&format!("ip address add {}/24 dev {OWN_END}", Self::ADDRESS));
        run(&format!("ip link set {OWN_END} up"));
        for words in ["link set lo up", "address add 10.77.0.2/24 dev cable1", "link set cable1 up"] {
            succeeds(&mut to.enter(&command_of(&format!("ip {words}"))));
        }
        Self
    }

    /// From now on nothing goes through; connections stay as they are.
    #[track_caller]
    pub fn cut(&self) {
        run(&format!("ip link set {OWN_END} down"));
    }

    /// It is whole again.
    #[track_caller]
    pub fn mend(&self) {
        run(&format!("ip link set {OWN_END} up"));
    }
}
