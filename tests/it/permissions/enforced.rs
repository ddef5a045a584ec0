//! `policy` against an IAM that is not ours: moto's, which judges each request of whole runs over HTTP. It judges
//! actions only (`iam_enforcement.py` of the LocalStack lane); `derived` judges resources and conditions.

use std::process::Output;

use crate::harness::backend::Backend;
use crate::harness::emulator::Emulator;
use crate::harness::workspace::Workspace;

const USER: &str = "operator";

/// An account with a user that has the policies of `policy up down`, and nothing else.
struct Account {
    workspace: Workspace,
    backend: Backend,
}

impl Account {
    async fn new() -> Self {
        let (workspace, backend) = (Workspace::new(), Backend::Http(Emulator::account()));
        backend.succeed(&workspace, "policy up down --env source --out policies");
        let iam = backend.clients(&workspace, "us-east-1").await.iam.clone();
        iam.create_user().user_name(USER).send().await.expect("a user");
        let written = std::fs::read_dir(workspace.path().join("policies")).expect("policies");
        for (number, file) in written.map(|file| file.expect("a file").path()).enumerate() {
            let document = std::fs::read_to_string(file).expect("a document");
            let create = iam.create_policy().policy_name(format!("{USER}-{number}")).policy_document(document);
            let policy = create.send().await.expect("IAM accepts it").policy.expect("the policy");
            let attach = iam.attach_user_policy().user_name(USER).policy_arn(policy.arn().expect("its ARN"));
            attach.send().await.expect("it is attached");
        }
        Self { workspace, backend }
    }

    /// Runs a command as the user.
    fn run(&self, arguments: &str) -> Output {
        let mut command = self.backend.command(&self.workspace, arguments);
        command.env("AWS_SESSION_TOKEN", format!("user/{USER}")).output().expect("the program runs")
    }

    fn succeed(&self, arguments: &str) {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", self.workspace.format_output(&output, arguments));
    }

    async fn deny(&self, action: &str) {
        let iam = self.backend.clients(&self.workspace, "us-east-1").await.iam.clone();
        let document = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Action":"{action}","Resource":"*"}}]}}"#
        );
        iam.put_user_policy()
            .user_name(USER)
            .policy_name("deny")
            .policy_document(document)
            .send()
            .await
            .expect("denied");
    }
}

#[tokio::test]
async fn up_and_down_pass_with_only_their_policy() {
    let account = Account::new().await;
    account.succeed("up --env source -y");
    account.succeed("plan --env source");
    account.succeed("down -y");
    account.deny("ec2:CreateVpc").await;
    let refused = account.run("up --env source -y");
    let output = account.workspace.format_output(&refused, "up");
    assert!(!refused.status.success() && output.contains("ec2:CreateVpc"), "{output}");
    account.succeed("down -y");
}
