//! The layouts for which a configuration can be generated.

use std::collections::BTreeMap;

use super::environment::{RawEnvironment, RawLink, RawLinks};

/// The distribution of databases and buckets over the environments. Every layout is an ordinary configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// The source environment contains the source database and bucket, the target environment those of the target.
    #[default]
    Paired,
    /// Each environment contains both databases, both buckets and the replication between them.
    SelfContained,
}

impl Layout {
    /// Returns the environments of the layout.
    pub(super) fn environments(self) -> BTreeMap<String, RawEnvironment> {
        let environment = |cidr: &str, roles: &[&str], from: Option<&str>| {
            let link = || from.map(|from| RawLink { from: from.to_owned(), to: "target".to_owned() });
            let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
            RawEnvironment {
                vpc_cidr: cidr.to_owned(),
                databases: roles.clone(),
                buckets: roles,
                replicates: from.map(|_| RawLinks { database: link(), bucket: link() }),
                ..RawEnvironment::default()
            }
        };
        let (source, target) = match self {
            Self::Paired => (
                environment("10.0.0.0/16", &["source"], None),
                environment("10.1.0.0/16", &["target"], Some("source/source")),
            ),
            Self::SelfContained => {
                let both = |cidr| environment(cidr, &["source", "target"], Some("source"));
                (both("10.0.0.0/16"), both("10.1.0.0/16"))
            }
        };
        [("source".to_owned(), source), ("target".to_owned(), target)].into()
    }
}
