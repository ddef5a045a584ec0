//! The endpoint that connects AWS clients to the sandbox.

use std::sync::Arc;

use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use sha2::{Digest, Sha256};

use super::interceptor::{SandboxInterceptor, offline_http_client};
use super::sandbox::Sandbox;
use super::world::MAIN_ACCOUNT;
use infra_aws::{CredentialsSource, InProcess};
use infra_base::address::{AccountId, Region};

impl Sandbox {
    /// Returns the endpoint through which the AWS clients reach this sandbox.
    pub fn in_process(self: &Arc<Self>) -> InProcess {
        let sandbox = Arc::clone(self);
        let clock = Arc::clone(self);
        InProcess {
            interceptor: Arc::new(move |account: &AccountId, region: &Region| {
                let interceptor = SandboxInterceptor::new(Arc::clone(&sandbox), account.clone(), region.clone());
                SharedInterceptor::new(interceptor)
            }),
            http: offline_http_client(),
            account_of: Arc::new(account_of),
            now: Arc::new(move || clock.now()),
        }
    }
}

/// Returns the account of credentials: that of the role, or one for each profile. The default credentials belong to the
/// main account.
fn account_of(source: &CredentialsSource) -> AccountId {
    if let Some(account) = source.assume_role.as_ref().and_then(|role| role.role_arn.split(':').nth(4)) {
        return account.into();
    }
    let Some(profile) = &source.profile else { return MAIN_ACCOUNT.into() };
    let digits = Sha256::digest(profile).iter().take(12).map(|byte| char::from(b'0' + byte % 10)).collect::<String>();
    digits.into()
}
