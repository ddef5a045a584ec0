//! The second service of an environment: it uses the database of the other environment.
//!
//! While a migration moves the traffic first and the data afterwards, the clients that reach this environment use the
//! database that the other environment uses, so that only one database gets writes. Both services run at all times. A
//! rule of the listener, which is inactive at first, leads requests to this one. The cutover makes it active before the
//! first step, and inactive when the database of this environment becomes the primary.

use super::builder::Builder;
use super::environment::Environment;
use super::layout::{self, LINK_SERVICE as PART};
use super::link::Link;
use super::replication::SourceSecret;
use super::service::{Running, run, target_group};
use super::tasks::{self, Tasks};
use infra_kinds::elbv2::ForwardRule;

/// The rule with the lowest priority is evaluated first ("Listener rules for your Application Load Balancer"): the
/// fence has priority 1.
const PRIORITY: i32 = 2;

/// Adds the second service of `own`, which uses the database of `from`.
pub(super) fn add(
    builder: &mut Builder<'_>,
    own: &Environment,
    from: &Environment,
    link: &Link,
    secret: &SourceSecret,
) {
    let group = target_group(builder, &own.network, builder.names.link_target_group());
    let group = builder.add(PART, layout::TARGET_GROUP, &group);
    let rule =
        ForwardRule { listener: own.service.listener_arn.clone(), priority: PRIORITY, target_group: group.arn() };
    let rule = builder.add(PART, layout::LINK_RULE, &rule);
    let tasks = Tasks {
        part: PART,
        role: builder.names.link_task_role(),
        description: format!("What the payment service may do while it uses the database of {}", from.config.name),
        family: builder.names.link_service(),
        secret: Some(secret.arn.clone()),
        // A replica is encrypted with a key of its own region.
        far_key: (from.config.region == own.config.region).then(|| from.config.encryption.key()).flatten(),
    };
    let task_definition = tasks::add(builder, &own.service.tasks, tasks, &own.buckets);
    let running = Running {
        part: PART,
        name: builder.names.link_service(),
        cluster: &own.service.cluster,
        task_definition,
        target_group: &group,
        listener: rule.done(),
        rules: [own.groups.service_rules.clone(), link.service.clone()].concat(),
        database_ready: vec![secret.content.clone()],
    };
    run(builder, &own.network, &own.groups, running);
}
