//! Security Token Service.

use aws_sdk_sts::operation::get_caller_identity::{
    GetCallerIdentityError, GetCallerIdentityInput, GetCallerIdentityOutput,
};

use super::registry::{Call, Registry, Rejection};

pub(super) fn register(registry: &mut Registry) {
    registry.on("sts", "GetCallerIdentity", &[], GetCallerIdentityError::generic, get_caller_identity);
}

fn get_caller_identity(call: &mut Call<'_>, _: &GetCallerIdentityInput) -> Result<GetCallerIdentityOutput, Rejection> {
    let account = call.account();
    Ok(GetCallerIdentityOutput::builder()
        .arn(format!("arn:{}:iam::{account}:user/sandbox", call.region.partition()))
        .user_id("AIDASANDBOX")
        .account(account)
        .build())
}
