//! Who gives a command.

use infra_aws::Cloud;
use infra_core::state::user_at_host;

use crate::error::Error;
use crate::workspace::Workspace;

/// Returns who uses the credentials of a connection: the ARN that AWS names, and the user and host, which only the
/// environment names.
pub fn caller(cloud: &Cloud) -> String {
    describe(cloud.identity(), &user_at_host())
}

fn describe(arn: &str, user: &str) -> String {
    if arn.is_empty() { user.to_owned() } else { format!("{arn} ({user})") }
}

impl Workspace {
    /// Asks AWS who gives this command. Nobody is asked about the sandbox, which only one process at a time can use.
    ///
    /// # Errors
    /// The endpoint cannot be opened, or AWS does not accept the credentials.
    pub async fn caller(&self) -> Result<String, Error> {
        if self.sandbox { Ok(user_at_host()) } else { Ok(caller(&self.connect().await?)) }
    }
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn an_approval_was_signed_with_what_the_environment_says() {
        let arn = "arn:aws:sts::111122223333:assumed-role/Admin/anna";
        assert_eq!(describe(arn, "root@bastion"), format!("{arn} (root@bastion)"));
        assert_eq!(describe("", "root@bastion"), "root@bastion");
    }
}
