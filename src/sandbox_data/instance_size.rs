//! The size of an instance class, for the formulas in parameters.

use infra_postgres::InstanceSize;

/// Returns the size of a class such as `db.r5.large`.
///
/// "Hardware specifications for DB instance classes": the families `t` and `m` have about 4 GiB for each virtual
/// processor, `r` and `x` have 8; `large` has two, and each size above doubles it or multiplies it by the number in its
/// name.
pub(crate) fn instance_size(class: &str, storage_gib: i32) -> InstanceSize {
    const GIB: u64 = 1 << 30;
    let storage = u64::try_from(storage_gib).unwrap_or_default() * GIB;
    let mut parts = class.split('.').skip(1);
    let (family, size) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let processors: u32 = match size {
        "micro" | "small" | "medium" | "large" => 2,
        "xlarge" => 4,
        size => size.strip_suffix("xlarge").and_then(|times| times.parse::<u32>().ok()).map_or(2, |times| 4 * times),
    };
    let memory = match size {
        "micro" => GIB,
        "small" => 2 * GIB,
        "medium" => 4 * GIB,
        _ => u64::from(processors) * GIB * if family.starts_with(['r', 'x']) { 8 } else { 4 },
    };
    InstanceSize { memory, processors, storage }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_the_sizes_of_the_rds_guide() {
        let size = |class| {
            let size = instance_size(class, 100);
            (size.processors, size.memory >> 30)
        };
        assert_eq!(size("db.r5.large"), (2, 16));
        assert_eq!(size("db.r6g.4xlarge"), (16, 128));
        assert_eq!(size("db.m5.2xlarge"), (8, 32));
        assert_eq!(size("db.t3.medium"), (2, 4));
        assert_eq!(instance_size("db.t3.micro", 20).storage >> 30, 20);
    }
}
