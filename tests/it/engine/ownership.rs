//! A state is input that somebody can edit or copy: what it lists is changed or deleted only if AWS shows that it
//! belongs to this stack.

use std::collections::BTreeSet;

use migrate_infra::address::Address;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::Context;
use migrate_infra::graph::Graph;
use migrate_infra::resource::Error;
use migrate_infra::resources::KINDS;
use migrate_infra::sandbox::Faults;
use migrate_infra::state::{Record, State};

use crate::harness::sandbox_run::{Fixture, STACK};
use crate::harness::stacks::{PAIRED, SELF_CONTAINED, TWO_REGIONS, graph};
use crate::harness::workspace::{Workspace, edit_world};

/// The stack whose state was copied.
const OTHER: &str = "payment-migration/other-001";
/// The role that all stacks of an account share has a mark of each stack: that of the other one stays.
const SHARED: &str = "dms.account_role";

/// Returns a state with everything of a graph, all of which belongs to another stack in AWS.
async fn copied(graph: &Graph) -> Fixture {
    let mut fixture = Fixture::default();
    fixture.up(graph).await.must_succeed();
    fixture.advance_a_day();
    let world = serde_json::to_string(&fixture.world).expect("a world is JSON").replace(STACK, OTHER);
    fixture.world = serde_json::from_str(&world).expect("it is a world");
    fixture.named.clear();
    fixture
}

/// Removes everything else from the state.
async fn keep(fixture: &mut Fixture, kept: &BTreeSet<Address>) {
    let others = fixture.state().resources.into_keys().filter(|address| !kept.contains(address));
    let records: Vec<Record> = others.map(|address| Record::Deleted { address }).collect();
    let write = async |context: Context| context.journal.write(records).await.expect("the journal can be written");
    fixture.with_context(CrashPoints::default(), Faults::default(), write).await.0.expect("it was not killed");
}

/// Returns an address with everything that it needs.
fn with_needs(state: &State, address: &Address) -> BTreeSet<Address> {
    let (mut all, mut next) = (BTreeSet::new(), vec![address.clone()]);
    while let Some(address) = next.pop() {
        let needs = state.get(&address).into_iter().flat_map(|entry| &entry.needs);
        next.extend(needs.map(|need| need.on.clone()));
        all.insert(address);
    }
    all
}

#[tokio::test(start_paused = true)]
async fn entries_that_were_copied_from_another_stack_are_not_deleted() {
    for graph in [graph(PAIRED, &[TWO_REGIONS]), graph(SELF_CONTAINED, &[])] {
        let before = copied(&graph).await;
        let (state, inventory) = (before.state(), before.world.inventory());
        let mut refused = BTreeSet::new();
        for (address, entry) in state.resources.iter().filter(|(_, entry)| entry.kind != SHARED) {
            let is_tagged = KINDS.schema(&entry.kind).tagged;
            // One without tags also stands alone: nothing shows whose it is.
            let alone = (!is_tagged).then(|| BTreeSet::from([address.clone()]));
            for kept in [with_needs(&state, address)].into_iter().chain(alone) {
                let mut fixture = before.fork();
                keep(&mut fixture, &kept).await;
                let ran = fixture.down().await;
                let failed: Vec<_> = ran.report().failures.iter().filter(|one| one.address == *address).collect();
                for failure in failed {
                    assert!(
                        matches!(failure.error, Error::Foreign { .. } | Error::ForeignParent { .. }),
                        "{address}: {}",
                        failure.error
                    );
                    refused.insert(entry.kind.clone());
                }
                assert_eq!(fixture.world.inventory(), inventory, "{address} was deleted");
            }
        }
        let kinds: BTreeSet<_> = state.resources.values().map(|entry| entry.kind.clone()).collect();
        let deleted = |kind: &&String| !KINDS.schema(kind).deletes.is_empty() && **kind != SHARED;
        let missed: Vec<_> = kinds.iter().filter(deleted).filter(|kind| !refused.contains(*kind)).collect();
        assert!(missed.is_empty(), "nothing refused the deletion of {missed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn entries_that_were_copied_from_another_stack_are_not_changed() {
    let mut fixture = copied(&graph(SELF_CONTAINED, &[])).await;
    let before = fixture.world.inventory();
    let changes = ["database.multi_az=true", "tags.CostCenter=elsewhere", "secrets.rotation_days=60"];
    let ran = fixture.up(&graph(SELF_CONTAINED, &changes)).await;
    assert_eq!(ran.report().changed, 0);
    assert_eq!(fixture.world.inventory(), before);
    assert!(!serde_json::to_string(&fixture.world).expect("a world is JSON").contains("elsewhere"), "a tag was set");
}

#[test]
fn a_migration_does_not_change_what_belongs_to_another_stack() {
    let workspace = Workspace::new();
    let run = |arguments: &str| workspace.transcript(&format!("{arguments} --sandbox --sandbox-timing instant"));
    let up = run("up -y");
    assert!(up.contains("[exit 0]"), "{up}");
    edit_world(&workspace, |world| {
        let copied = world.to_string().replace("payment-migration/dev-001", OTHER);
        *world = serde_json::from_str(&copied).expect("it is JSON");
    });
    let before = workspace.stable_inventory();
    for command in ["replication start -y", "traffic shift --to 10 -y", "traffic fence source -y", "cutover -y"] {
        let refused = run(command);
        assert!(refused.contains("[exit 3]"), "{command}: {refused}");
        assert!(refused.contains("is not a resource of this stack"), "{command}: {refused}");
    }
    assert_eq!(workspace.stable_inventory(), before);
}
