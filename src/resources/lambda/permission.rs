//! A statement in a function's policy: who may call it.
//!
//! AWS cannot change a statement, so a changed one is taken out and put in anew; for a moment the function cannot be called.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::Arn;
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};

/// How long a function may refuse a change because of another one, in seconds.
const BUSY_SECONDS: u64 = 60;

/// The specification of a permission.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Permission {
    /// The function's name.
    pub function: Input<String>,
    /// The statement's name in the policy.
    pub statement_id: String,
    /// The service that may call, for example `secretsmanager.amazonaws.com`.
    pub principal: String,
    /// For which of its resources.
    pub source_arn: Option<Input<Arn>>,
    /// `true`: only for resources of this account.
    pub source_account: Option<bool>,
}

/// What is known of a permission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PermissionAttrs {
    /// The function's name.
    pub function: String,
    /// The statement's name.
    pub statement_id: String,
    /// The service that may call.
    pub principal: String,
    /// For which of its resources.
    pub source_arn: Option<Arn>,
    /// For resources of which account.
    pub source_account: Option<String>,
}

impl Handle<Permission> {
    /// The statement's name, from when the permission is there.
    pub fn done(&self) -> Input<String> {
        self.created("statement_id")
    }
}

#[async_trait]
impl Resource for Permission {
    const KIND: &'static str = "lambda.permission";
    const ABOUT: About = About {
        summary: "a service's permission to call a function",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &["lambda:AddPermission", "lambda:GetPolicy", "lambda:RemovePermission"],
        creates: &["lambda:AddPermission"],
        changes: &["lambda:AddPermission", "lambda:RemovePermission"],
        deletes: &["lambda:RemovePermission"],
        immutable: &["function", "statement_id"],
        tagged: false,
        blocked_by: "nothing",
        unique: &[&["function", "statement_id"]],
        mentions: &["source_arn"],
        ..About::PLAIN
    };
    type Attrs = PermissionAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&PermissionAttrs>) -> Result<Observed<PermissionAttrs>> {
        let (function, statement_id) = match known {
            Some(attrs) => (&attrs.function, &attrs.statement_id),
            None => (self.function.get()?, &self.statement_id),
        };
        let call = cx.aws.lambda.get_policy().function_name(function).send();
        let found = settled(cx.read("lambda:GetPolicy", call).await, &["ResourceNotFoundException"])?;
        let Some(policy) = found.and_then(|found| found.policy) else { return Ok(Observed::Absent) };
        let what = "policy of the function";
        let policy: Value = serde_json::from_str(&policy).map_err(|source| Error::Shape { kind: Self::KIND, what, source })?;
        let statements = policy.get("Statement").and_then(Value::as_array);
        let ours = statements.into_iter().flatten().find(|statement| text(statement, "/Sid").as_ref() == Some(statement_id));
        Ok(ours.map_or(Observed::Absent, |statement| Observed::Ours(read(function, statement))))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<PermissionAttrs>) -> Result<PermissionAttrs> {
        let wanted = PermissionAttrs {
            function: self.function.get()?.clone(),
            statement_id: self.statement_id.clone(),
            principal: self.principal.clone(),
            source_arn: self.source_arn.as_ref().map(Input::get).transpose()?.cloned(),
            source_account: (self.source_account == Some(true)).then(|| cx.account.0.clone()),
        };
        if let Some(seen) = seen {
            if seen == wanted {
                return Ok(wanted);
            }
            self.delete(cx, &seen).await?;
        }
        let call = || {
            let call = cx.aws.lambda.add_permission().function_name(&wanted.function).statement_id(&wanted.statement_id);
            let call = call.action("lambda:InvokeFunction").principal(&wanted.principal).set_source_account(wanted.source_account.clone());
            call.set_source_arn(wanted.source_arn.clone().map(String::from)).send()
        };
        let why = "an earlier change of the function to be finished";
        cx.retry(why, &["ResourceConflictException"], BUSY_SECONDS, || async { cx.mutate("lambda:AddPermission", call).await }).await?;
        Ok(wanted)
    }

    async fn delete(&self, cx: &Cx, attrs: &PermissionAttrs) -> Result<()> {
        let call = || cx.aws.lambda.remove_permission().function_name(&attrs.function).statement_id(&attrs.statement_id).send();
        settled(cx.mutate("lambda:RemovePermission", call).await, &["ResourceNotFoundException"]).map(drop)
    }

    fn id(attrs: &PermissionAttrs) -> String {
        format!("{}/{}", attrs.function, attrs.statement_id)
    }
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

fn read(function: &str, statement: &Value) -> PermissionAttrs {
    PermissionAttrs {
        function: function.to_owned(),
        statement_id: text(statement, "/Sid").unwrap_or_default(),
        principal: text(statement, "/Principal/Service").or_else(|| text(statement, "/Principal")).unwrap_or_default(),
        source_arn: text(statement, "/Condition/ArnLike/AWS:SourceArn").map(Arn),
        source_account: text(statement, "/Condition/StringEquals/AWS:SourceAccount"),
    }
}
