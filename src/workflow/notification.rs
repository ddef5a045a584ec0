//! Notifications to a topic of Amazon SNS.

use std::time::Duration;

use infra_aws::{Cloud, Message, Need, Tenant};
use infra_config::Config;

use crate::error::Error;
use crate::tenants::publisher;
use crate::workspace::EndpointSource;

/// The topic of `[notify]`.
pub struct Topic {
    arn: String,
    publisher: Tenant,
    endpoint: Box<dyn EndpointSource>,
    timeout: Duration,
}

/// Why a message was not published.
#[derive(Debug, thiserror::Error)]
pub enum Unpublished {
    /// There is no connection.
    #[error(transparent)]
    Unconnected(#[from] Error),
    /// SNS refused it, or did not answer.
    #[error(transparent)]
    Aws(#[from] infra_aws::AwsError),
    /// The time is up.
    #[error("Amazon SNS did not answer within {} s", .0.as_secs())]
    Timeout(Duration),
}

impl Topic {
    /// Returns the topic that the configuration names.
    pub fn of(config: &Config, endpoint: Box<dyn EndpointSource>) -> Option<Self> {
        let notify = &config.notify;
        Some(Self {
            arn: notify.topic.clone(),
            publisher: publisher(config)?,
            endpoint,
            timeout: Duration::from_secs(notify.timeout_seconds.into()),
        })
    }

    /// Publishes a message, with a connection of its own: that of a run may be what failed.
    ///
    /// # Errors
    /// The message may not have been published.
    pub async fn publish(&self, message: &Message<'_>) -> Result<(), Unpublished> {
        tokio::time::timeout(self.timeout, self.send(message)).await.map_err(|_| Unpublished::Timeout(self.timeout))?
    }

    async fn send(&self, message: &Message<'_>) -> Result<(), Unpublished> {
        let (endpoint, clock) = self.endpoint.open().map_err(Error::Endpoint)?;
        let tenants = std::slice::from_ref(&self.publisher);
        let cloud = Cloud::connect_all(endpoint, tenants, Need::Everything, clock).await.map_err(Error::from)?;
        let region = &self.publisher.regions[0];
        let location = cloud.first_location(region).unwrap_or_else(|| region.into());
        Ok(cloud.clients(&location).0.publish(&self.arn, message).await?)
    }
}
