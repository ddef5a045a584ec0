//! Finding resources of all services by their tags, as the search for orphans does.

use std::sync::Arc;

use migrate_infra::aws::{Cloud, Endpoint};
use migrate_infra::clock::Clock;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::resources::cloudwatch::Dashboard;
use migrate_infra::resources::ec2::Vpc;
use migrate_infra::resources::logs::LogGroup;
use migrate_infra::sandbox::world::s3::Bucket;
use migrate_infra::sandbox::{Sandbox, World};

use aws_sdk_resourcegroupstagging::types::TagFilter;

use crate::harness::sandbox_run::{Fixture, GraphBuilder, STACK};

async fn search(world: World, region: &str, key: &str, value: &str) -> Vec<String> {
    let clock = Clock::real();
    let sandbox = Sandbox::new(world, clock, None, CrashPoints::default());
    let cloud = Cloud::connect(Endpoint::InProcess(sandbox.in_process()), &region.into(), clock).await.unwrap();
    let clients = Arc::clone(&cloud.clients(&region.into()).0);
    let filter = TagFilter::builder().key(key).values(value).build();
    let mut pages = clients.tagging.get_resources().tag_filters(filter).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        found.extend(
            page.unwrap().resource_tag_mapping_list().iter().map(|mapping| mapping.resource_arn().unwrap().to_owned()),
        );
    }
    found
}

#[tokio::test(start_paused = true)]
async fn everything_of_a_stack_is_found_by_its_tag() {
    let mut fixture = Fixture::default();
    let mut builder = GraphBuilder::new();
    builder.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into(), remove_guardduty: true });
    builder.add("source/service/logs", LogGroup { name: "/ecs/payment".into(), retention_days: 7, kms_key: None });
    builder.add("source/monitoring/dashboard", Dashboard { name: "payment".into(), widgets: vec![] });
    fixture.up(&builder.finish()).await.must_succeed();
    fixture.world.s3.buckets.insert("other".into(), Bucket::new("other", "us-east-1", &fixture.world.account));
    let found = search(fixture.world.clone(), "us-east-1", "migrate-infra:stack", STACK).await;
    let vpc = fixture.attrs("source/network/vpc")["vpc_id"].as_str().unwrap().to_owned();
    let expected = [
        "arn:aws:cloudwatch::111122223333:dashboard/payment".to_owned(),
        format!("arn:aws:ec2:us-east-1:111122223333:vpc/{vpc}"),
        "arn:aws:logs:us-east-1:111122223333:log-group:/ecs/payment".to_owned(),
    ];
    assert_eq!(found, expected);
    assert!(search(fixture.world.clone(), "us-east-1", "migrate-infra:stack", "another/stack").await.is_empty());
    assert!(search(fixture.world, "eu-west-1", "migrate-infra:stack", STACK).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn more_than_a_page_is_found() {
    let mut world = World::new();
    for index in 0..250 {
        let name = format!("bucket-{index:03}");
        let mut bucket = Bucket::new(&name, "us-east-1", &world.account);
        bucket.tags.insert("stack".into(), "many".into());
        world.s3.buckets.insert(name, bucket);
    }
    assert_eq!(search(world, "us-east-1", "stack", "many").await.len(), 250);
}
