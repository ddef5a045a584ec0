//! The derived policies allow every call of whole runs, and no action that no run needs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use migrate_infra::address::AccountId;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::Context;
use migrate_infra::graph::Graph;
use migrate_infra::migration::replication;
use migrate_infra::migration::topology::Topology;
use migrate_infra::permissions::{Access, MAX_MANAGED_CHARACTERS, Part, Policy, derive};
use migrate_infra::sandbox::Faults;

use super::evaluator::{Request, denied};
use super::requests::requests;
use crate::cutover::whole_cutover::{quick, replicate_in, replicating, run};
use crate::harness::call_watcher;
use crate::harness::sandbox_run::{Fixture, STACK};
use crate::harness::stacks::{PAIRED, SELF_CONTAINED, TWO_REGIONS, every_kind, graph};
use crate::kinds::request_validation::{CHANGES, CHANGING};

const ACCOUNT: &str = "111122223333";

/// Returns the policies for a graph.
fn policies(graph: &Graph, commands: &[Access]) -> Vec<Policy> {
    policies_of(&[graph], commands)
}

/// Returns the policies for what is configured and what exists.
pub fn policies_of(graphs: &[&Graph], commands: &[Access]) -> Vec<Policy> {
    let account: AccountId = ACCOUNT.into();
    let parts: Vec<Part<'_>> = graphs
        .iter()
        .flat_map(|graph| graph.nodes().values())
        .map(|node| Part {
            kind: node.kind.get(),
            region: &node.region,
            account: Some(node.account.as_ref().unwrap_or(&account)),
            spec: &node.spec,
            attrs: None,
        })
        .collect();
    derive(&parts, STACK, commands, None, None)
}

/// Runs `work`, and returns what IAM would have decided about.
fn recorded(work: impl FnOnce()) -> BTreeSet<Request> {
    let all = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&all);
    call_watcher::during(move |call| seen.lock().unwrap_or_else(PoisonError::into_inner).extend(requests(call)), work);
    Arc::into_inner(all).map_or_else(BTreeSet::new, |all| all.into_inner().unwrap())
}

/// Checks that the policies of some graphs allow all requests.
fn assert_allowed(graphs: &[&Graph], commands: &[Access], requests: &BTreeSet<Request>) {
    let documents: BTreeMap<String, Vec<serde_json::Value>> = policies_of(graphs, commands)
        .iter()
        .map(|policy| (policy.account.clone().expect("an account"), policy.json()))
        .collect();
    let denied: Vec<String> = requests
        .iter()
        .flat_map(|request| {
            let documents = documents.get(&request.account).map_or(&[][..], Vec::as_slice);
            let context = &request.context;
            denied(documents, request)
                .into_iter()
                .map(move |target| format!("{} on {} {:?} {context:?}", request.action, target.arn, target.tags))
        })
        .collect();
    assert!(denied.is_empty(), "{commands:?}: {} of {}:\n{}", denied.len(), requests.len(), denied.join("\n"));
}

fn actions(requests: &BTreeSet<Request>) -> BTreeSet<&str> {
    requests.iter().map(|request| request.action.as_str()).collect()
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn up(fixture: &mut Fixture, graph: &Graph) {
    fixture.up(graph).await.must_succeed();
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn down(fixture: &mut Fixture) {
    fixture.down().await.must_succeed();
}

#[test]
fn up_and_down_need_no_more_than_their_policy_allows() {
    for (file, sets) in [(PAIRED, &[TWO_REGIONS][..]), (SELF_CONTAINED, &[]), (PAIRED, &["iam.path=/payments/"])] {
        let (before, after) = (graph(file, sets), graph(file, &[sets, CHANGES].concat()));
        let mut fixture = Fixture::default();
        let created = recorded(|| up(&mut fixture, &before));
        assert!(created.len() > 100, "{}", created.len());
        assert_allowed(&[&before], &[Access::Up], &created);
        let changed = recorded(|| up(&mut fixture, &after));
        assert!(actions(&changed).contains("rds:ModifyDBInstance"));
        assert_allowed(&[&before, &after], &[Access::Up], &changed);
        let deleted = recorded(|| down(&mut fixture));
        assert!(actions(&deleted).contains("rds:DeleteDBInstance"));
        assert_allowed(&[&after], &[Access::Down], &deleted);
    }
}

#[test]
fn a_cutover_needs_no_more_than_its_policy_allows() {
    #[tokio::main(flavor = "current_thread", start_paused = true)]
    async fn prepared() -> Fixture {
        crate::cutover::traffic::routed().await
    }
    #[tokio::main(flavor = "current_thread", start_paused = true)]
    async fn replicate(fixture: &mut Fixture) {
        replicate_in(fixture).await;
        let stop = async |context: Context| {
            let topology = context.journal.read(Topology::of);
            replication::stop(&context, &topology.replications[0]).await.expect("it stops")
        };
        let (stopped, _) = fixture.with_context(CrashPoints::default(), Faults::default(), stop).await;
        assert_eq!(stopped, Some(true));
    }
    #[tokio::main(flavor = "current_thread", start_paused = true)]
    async fn cut_over() -> BTreeSet<Request> {
        // The replication is not part of what is recorded.
        let mut fixture = replicating().await;
        let _ = run(&mut fixture, &quick(&[])).await;
        BTreeSet::new()
    }
    let paired = graph(PAIRED, &[]);
    let mut fixture = prepared();
    let replicated = recorded(|| replicate(&mut fixture));
    assert!(actions(&replicated).contains("dms:StartReplicationTask"));
    assert_allowed(&[&paired], &[Access::Replication], &replicated);
    let all = recorded(|| drop(cut_over()));
    assert!(actions(&all).contains("route53:ChangeResourceRecordSets"));
    assert_allowed(&[&paired], &[Access::Cutover, Access::Up], &all);
}

/// What is deleted belongs to the stack.
#[test]
fn a_policy_does_not_allow_anything_of_another_stack() {
    let paired = graph(PAIRED, &[]);
    let mut fixture = Fixture::default();
    let mut requests = recorded(|| {
        up(&mut fixture, &paired);
        down(&mut fixture);
    });
    let documents: Vec<_> = policies(&paired, &[Access::Up, Access::Down]).iter().flat_map(Policy::json).collect();
    // Route 53 has no conditions on tags, and the ids are not known before.
    requests.retain(|request| !request.action.starts_with("route53:"));
    requests
        .retain(|request| request.action.contains(":Delete") && request.targets.iter().all(|one| !one.tags.is_empty()));
    assert!(requests.len() > 20, "{}", requests.len());
    for request in &requests {
        let mut foreign = request.clone();
        for target in &mut foreign.targets {
            target.tags.clear();
            target.arn = target.arn.replace("payment", "other");
        }
        assert!(!denied(&documents, &foreign).is_empty(), "{foreign:?}");
    }
}

#[test]
fn documents_are_valid_for_iam() {
    for access in [Access::ReadOnly, Access::Up, Access::Down, Access::Replication, Access::Traffic, Access::Cutover] {
        for policy in policies(&graph(PAIRED, &[TWO_REGIONS]), &[access]) {
            // "up to 10 managed policies" can be attached to a role, 20 if the quota is raised.
            assert!((1..=10).contains(&policy.documents.len()), "{access:?}: {}", policy.documents.len());
            let mut sids = BTreeSet::new();
            for document in policy.json() {
                let text: String = document.to_string().chars().filter(|char| !char.is_whitespace()).collect();
                assert!(text.len() <= MAX_MANAGED_CHARACTERS, "{access:?}: {}", text.len());
                for statement in document["Statement"].as_array().expect("statements") {
                    let sid = statement["Sid"].as_str().expect("a name");
                    assert!(sid.chars().all(|char| char.is_ascii_alphanumeric()), "{sid}");
                    assert!(sids.insert(sid.to_owned()), "{sid} is there twice");
                    let changes = statement["Action"].as_array().expect("actions").iter().any(|action| {
                        let action = migrate_infra::permissions::table::action(action.as_str().expect("a name"));
                        action.is_some_and(|action| action.level != migrate_infra::permissions::table::Level::Read)
                    });
                    assert!(access != Access::ReadOnly || !changes, "{statement}");
                }
            }
        }
    }
}

#[test]
fn the_table_has_every_action_that_the_kinds_need() {
    let calls = migrate_infra::resources::KINDS.iter().flat_map(|kind| kind.get().schema().operations);
    let missing: BTreeSet<&str> = calls
        .flat_map(|call| migrate_infra::aws::iam_actions(call))
        .filter(|action| migrate_infra::permissions::table::action(action).is_none())
        .collect();
    assert!(
        missing.is_empty(),
        "add them to `src/permissions/actions.txt` and run `tests/iam/extract.py`: {missing:?}"
    );
}

/// Actions of situations that no run here meets: tags and boundaries that are taken away, what is restored or was set
/// by hand, the checks before a run and the lists of leftovers, which tests of their own call.
const UNUSUAL: &[&str] = &[
    "acm:DescribeCertificate",
    "application-autoscaling:UntagResource",
    "cloudwatch:UntagResource",
    "dms:DescribeAccountAttributes",
    "dms:RemoveTagsFromResource",
    "ec2:DeleteTags",
    "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
    "ecs:DescribeTasks",
    "ecs:UntagResource",
    "elasticloadbalancing:RemoveTags",
    "iam:DeleteRolePermissionsBoundary",
    "iam:GetAccountSummary",
    "iam:ListRoleTags",
    "iam:ListRoles",
    "iam:PutRolePermissionsBoundary",
    "iam:SimulatePrincipalPolicy",
    "lambda:InvokeFunction",
    "lambda:UntagResource",
    "logs:UntagResource",
    "rds:CreateDBSnapshot",
    "rds:DescribeAccountAttributes",
    "rds:RemoveTagsFromResource",
    "s3:ListAllMyBuckets",
    "s3:PutBucketOwnershipControls",
    "s3:TagResource",
    "secretsmanager:RestoreSecret",
    "secretsmanager:UntagResource",
    "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:GetServiceQuota",
    "servicequotas:ListServiceQuotas",
    "tag:GetResources",
];

#[test]
fn no_action_is_allowed_that_no_run_needs() {
    let used = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&used);
    let note = move |call: &migrate_infra::sandbox::WatchedCall<'_>| {
        let actions = migrate_infra::aws::iam_actions(&call.call).into_iter().map(str::to_owned);
        seen.lock().unwrap().extend(actions);
    };
    call_watcher::during(note, || {
        for test in CHANGING {
            test();
        }
        for (file, sets) in [(PAIRED, &[TWO_REGIONS][..]), (SELF_CONTAINED, &[])] {
            let mut fixture = Fixture::default();
            up(&mut fixture, &graph(file, sets));
            up(&mut fixture, &graph(file, &[sets, CHANGES].concat()));
            down(&mut fixture);
        }
        let mut fixture = Fixture::default();
        up(&mut fixture, &every_kind());
        down(&mut fixture);
    });
    let mut used = used.lock().unwrap().clone();
    // What needs a permission, but no call of its own.
    used.extend(["iam:PassRole".to_owned()]);
    let commands = [Access::Up, Access::Down, Access::Cutover];
    let allowed: BTreeSet<String> = policies(&every_kind(), &commands)
        .iter()
        .flat_map(Policy::statements)
        .flat_map(|statement| statement.actions.iter().cloned())
        .collect();
    let unused = allowed.iter().filter(|action| !used.contains(*action)).map(String::as_str);
    let unexplained: Vec<&str> = unused.filter(|action| !UNUSUAL.contains(action)).collect();
    assert_eq!(unexplained, [""; 0]);
}
