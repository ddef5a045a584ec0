//! A statement in the policy of a function: who is allowed to invoke it.
//!
//! AWS cannot change a statement. So a changed one is removed and added again, and for a moment the function cannot be
//! invoked.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::function::Function;
use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Parent, Resource, Result, Spec as _, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// How long a function can refuse a change because of another one, in seconds.
const BUSY_SECONDS: u64 = 60;

/// The specification of a permission.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "lambda.permission",
    summary = "the permission of a service to invoke a function",
    repeat = "setting",
    create_seconds = 1,
    delete_seconds = 1,
    reads("lambda:GetPolicy"),
    creates("lambda:AddPermission"),
    updates("lambda:AddPermission", "lambda:RemovePermission"),
    deletes("lambda:RemovePermission")
)]
pub struct Permission {
    /// The function's name.
    #[immutable]
    #[unique]
    pub function: Input<String>,
    /// The statement's name in the policy.
    #[immutable]
    #[unique]
    pub statement_id: String,
    /// The service that is allowed to invoke it, for example `secretsmanager.amazonaws.com`.
    pub principal: String,
    /// The resource that it acts for.
    #[weak_ref]
    pub source_arn: Option<Input<Arn>>,
    /// `true`: only for resources of this account.
    pub source_account: Option<bool>,
}

/// What is known of a permission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
#[attrs(id = "{function}/{statement_id}")]
pub struct PermissionAttrs {
    /// The function's name.
    pub function: String,
    /// The statement's name.
    #[output(created, name = "done", doc = "The statement's name, once the permission exists.")]
    pub statement_id: String,
    /// The service that is allowed to invoke it.
    pub principal: String,
    /// The resource that it acts for.
    pub source_arn: Option<Arn>,
    /// The account of the resources.
    pub source_account: Option<String>,
}

#[async_trait]
impl Resource for Permission {
    async fn observe(&self, cx: &StepContext, known: Option<&PermissionAttrs>) -> Result<Observed<PermissionAttrs>> {
        let (function, statement_id) = match known {
            Some(attrs) => (&attrs.function, &attrs.statement_id),
            None => (self.function.get()?, &self.statement_id),
        };
        if cx.is_new(cx.arn("lambda", &format!("function:{function}")).as_str()) {
            return Ok(Observed::Absent);
        }
        let call = cx.aws.lambda.get_policy().function_name(function).send();
        let found = ignore_codes(cx.read("lambda:GetPolicy", call).await, &["ResourceNotFoundException"])?;
        let Some(policy) = found.and_then(|found| found.policy) else { return Ok(Observed::Absent) };
        let what = "policy of the function";
        let policy: Value =
            serde_json::from_str(&policy).map_err(|source| Error::Decode { kind: Self::KIND, what, source })?;
        let statements = policy.get("Statement").and_then(Value::as_array);
        let ours =
            statements.into_iter().flatten().find(|statement| text(statement, "/Sid").as_ref() == Some(statement_id));
        Ok(ours.map_or(Observed::Absent, |statement| Observed::Ours(read(function, statement))))
    }

    fn parents(&self, attrs: Option<&PermissionAttrs>) -> Result<Vec<Parent>> {
        Parent::only::<Function>("name", attrs.map(|attrs| &attrs.function), &self.function)
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<PermissionAttrs>) -> Result<PermissionAttrs> {
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
            let call =
                cx.aws.lambda.add_permission().function_name(&wanted.function).statement_id(&wanted.statement_id);
            let call = call
                .action("lambda:InvokeFunction")
                .principal(&wanted.principal)
                .set_source_account(wanted.source_account.clone());
            call.set_source_arn(wanted.source_arn.clone().map(String::from)).send()
        };
        let why = "an earlier change of the function to finish";
        cx.retry(why, &["ResourceConflictException"], BUSY_SECONDS, || async {
            cx.mutate("lambda:AddPermission", call).await
        })
        .await?;
        Ok(wanted)
    }

    async fn delete(&self, cx: &StepContext, attrs: &PermissionAttrs) -> Result<()> {
        let call = || {
            cx.aws.lambda.remove_permission().function_name(&attrs.function).statement_id(&attrs.statement_id).send()
        };
        ignore_codes(cx.mutate("lambda:RemovePermission", call).await, &["ResourceNotFoundException"]).map(drop)
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
