//! Availability zones: their letters, which differ between accounts, and their ids, which do not.

/// The zones of regions that do not have the three letters `a` to `c`: letter and number of the id. The numbers are
/// those of one account; `us-west-1` shows two of its three zones to newer accounts ("Regions and Zones", EC2 User
/// Guide), and some regions lack a letter.
const ZONES: &[(&str, &[(&str, u8)])] = &[
    ("us-east-1", &[("a", 1), ("b", 2), ("c", 4), ("d", 6), ("e", 3), ("f", 5)]),
    ("us-west-1", &[("a", 3), ("c", 1)]),
    ("us-west-2", &[("a", 1), ("b", 2), ("c", 3), ("d", 4)]),
    ("ap-northeast-1", &[("a", 4), ("c", 1), ("d", 2)]),
    ("ca-central-1", &[("a", 1), ("b", 2), ("d", 4)]),
];
const THREE: &[(&str, u8)] = &[("a", 1), ("b", 2), ("c", 3)];

/// The first letters of the classes that the oldest zone offers: none of the Nitro generations ("use1-az3").
const OLD_ZONE: &str = "use1-az3";
const OLD_CLASSES: &[&str] = &["t2.", "m4.", "r4.", "c4."];

/// An availability zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The name in this account.
    pub name: String,
    /// The id in all accounts.
    pub id: String,
}

impl Zone {
    /// Returns the letter of the zone.
    pub fn letter(&self) -> &str {
        &self.name[self.name.len() - 1..]
    }

    /// Returns whether the zone never offers an instance class, for example `db.t4g.micro`.
    pub(super) fn lacks(&self, class: &str) -> bool {
        let size = class.split_once('.').map_or(class, |(_, size)| size);
        self.id == OLD_ZONE && !OLD_CLASSES.iter().any(|old| size.starts_with(old))
    }
}

/// Returns the zones of a region by name; `letters` replaces the letters of this model.
pub(super) fn of_region(region: &str, letters: Option<&[String]>) -> Vec<Zone> {
    let known = ZONES.iter().find(|(name, _)| *name == region).map_or(THREE, |(_, zones)| zones);
    let zone = |letter: &str, number: u8| Zone {
        name: format!("{region}{letter}"),
        id: format!("{}-az{number}", short(region)),
    };
    let number = |letter: &str| {
        let known = known.iter().find(|(one, _)| *one == letter).map(|(_, number)| *number);
        known.or_else(|| letter.bytes().next().map(|byte| byte.wrapping_sub(b'a') + 1)).unwrap_or_default()
    };
    match letters {
        Some(letters) => letters.iter().map(|letter| zone(letter, number(letter))).collect(),
        None => known.iter().map(|(letter, number)| zone(letter, *number)).collect(),
    }
}

/// The zones without Fargate. "Supported Regions for Amazon ECS on AWS Fargate" (Amazon ECS Developer Guide) lists
/// those that have it.
const WITHOUT_FARGATE: &[&str] = &["usw1-az2", "apne1-az3"];

/// Returns whether tasks can run on Fargate in a zone.
pub(super) fn has_fargate(zone_id: &str) -> bool {
    !WITHOUT_FARGATE.contains(&zone_id)
}

/// Returns the beginning of zone ids: `use1` for `us-east-1`, `apne1` for `ap-northeast-1`.
fn short(region: &str) -> String {
    let shortened = |part: &str| match part {
        "northeast" => "ne".to_owned(),
        "northwest" => "nw".to_owned(),
        "southeast" => "se".to_owned(),
        "southwest" => "sw".to_owned(),
        "north" | "south" | "east" | "west" | "central" | "gov" => part[..1].to_owned(),
        other => other.to_owned(),
    };
    region.split('-').map(shortened).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_aws() {
        let ids = |region| of_region(region, None).into_iter().map(|zone| zone.id).collect::<Vec<_>>();
        assert_eq!(ids("us-west-1"), ["usw1-az3", "usw1-az1"]);
        assert_eq!(ids("ap-northeast-1"), ["apne1-az4", "apne1-az1", "apne1-az2"]);
        assert_eq!(ids("eu-central-1"), ["euc1-az1", "euc1-az2", "euc1-az3"]);
        assert_eq!(ids("us-gov-west-1")[0], "usgw1-az1");
    }
}
