//! The network kinds on the embedded AWS.

use migrate_infra::graph::Graph;
use migrate_infra::resources::ec2::{Subnet, Vpc};

use crate::lab::{Sketch, holds_its_promises};

fn network() -> Graph {
    let mut sketch = Sketch::new();
    let vpc = sketch.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into() });
    for (zone, cidr) in [(0, "10.0.0.0/24"), (1, "10.0.1.0/24")] {
        let subnet = Subnet { vpc: vpc.id(), cidr: cidr.into(), zone, public_addresses: true };
        sketch.add(&format!("source/network/public-{zone}"), subnet);
    }
    sketch.finish()
}

#[tokio::test(start_paused = true)]
async fn a_network_holds_its_promises() {
    holds_its_promises(&network()).await;
}
