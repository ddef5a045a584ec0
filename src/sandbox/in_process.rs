//! The endpoint that connects AWS clients to the sandbox.

use std::sync::Arc;

use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;

use super::interceptor::{SandboxInterceptor, offline_http_client};
use super::sandbox::Sandbox;
use infra_aws::InProcess;
use infra_base::address::Region;

impl Sandbox {
    /// Returns the endpoint through which the AWS clients reach this sandbox.
    pub fn in_process(self: &Arc<Self>) -> InProcess {
        let sandbox = Arc::clone(self);
        let account = self.world().account.clone();
        let clock = Arc::clone(self);
        InProcess {
            interceptor: Arc::new(move |region: &Region| {
                SharedInterceptor::new(SandboxInterceptor::new(Arc::clone(&sandbox), region.clone()))
            }),
            http: offline_http_client(),
            account: account.into(),
            now: Arc::new(move || clock.now()),
        }
    }
}
