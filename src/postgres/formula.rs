//! The formulas in the values of RDS parameters, such as `LEAST({DBInstanceClassMemory/9531392},5000)`.
//!
//! "Specifying DB parameters" in the RDS guide: formulas are in braces, with the variables `AllocatedStorage`,
//! `DBInstanceClassMemory`, `DBInstanceVCPU`, `EndPointPort` and `TrueIfReplica`, the operators `*` and `/`, and the
//! functions `GREATEST`, `LEAST`, `SUM`, `log`.

/// The values of the variables for an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InstanceSize {
    /// Memory that the instance class leaves for the database, in bytes.
    pub memory: u64,
    /// Virtual processors of the instance class.
    pub processors: u32,
    /// Allocated storage in bytes.
    pub storage: u64,
}

impl Default for InstanceSize {
    /// About a `db.t4g.micro`.
    fn default() -> Self {
        Self { memory: 1 << 30, processors: 2, storage: 20 << 30 }
    }
}

/// A formula that cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not evaluate the formula `{formula}`: {reason}")]
pub struct FormulaError {
    formula: String,
    reason: String,
}

/// Returns whether a value is a formula.
pub(super) fn is_formula(value: &str) -> bool {
    value.contains('{') || ["GREATEST(", "LEAST(", "SUM("].iter().any(|start| value.starts_with(start))
}

/// Evaluates a formula. The result has no decimals: "Decimals in the quotient are truncated, not rounded."
pub(super) fn evaluate(formula: &str, size: &InstanceSize) -> Result<i64, FormulaError> {
    let mut parser = Parser { rest: formula.trim(), size };
    let failed = |reason| FormulaError { formula: formula.to_owned(), reason };
    let value = parser.product().map_err(failed)?;
    if !parser.rest.is_empty() {
        return Err(failed(format!("`{}` is not expected", parser.rest)));
    }
    #[expect(clippy::cast_possible_truncation, reason = "truncated as documented; it saturates")]
    Ok(value as i64)
}

struct Parser<'a> {
    rest: &'a str,
    size: &'a InstanceSize,
}

impl Parser<'_> {
    fn product(&mut self) -> Result<f64, String> {
        let mut value = self.operand()?;
        loop {
            if self.takes("*") {
                value *= self.operand()?;
            } else if self.takes("/") {
                let divisor = self.operand()?;
                if divisor == 0.0 {
                    return Err("it divides by zero".to_owned());
                }
                value = (value / divisor).trunc();
            } else {
                return Ok(value);
            }
        }
    }

    fn operand(&mut self) -> Result<f64, String> {
        for (open, close) in [("{", "}"), ("(", ")")] {
            if self.takes(open) {
                let value = self.product()?;
                return self.expect(close).map(|()| value);
            }
        }
        let length = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest.trim_start();
        if let Ok(number) = word.parse() {
            return Ok(number);
        }
        #[expect(clippy::cast_precision_loss, reason = "sizes of instances have few significant digits")]
        match word {
            "DBInstanceClassMemory" => Ok(self.size.memory as f64),
            "DBInstanceVCPU" => Ok(f64::from(self.size.processors)),
            "AllocatedStorage" => Ok(self.size.storage as f64),
            "EndPointPort" => Ok(5432.0),
            "TrueIfReplica" => Ok(0.0),
            "log" => Ok(self.arguments()?.first().copied().unwrap_or(1.0).log2()),
            "GREATEST" => Ok(self.arguments()?.into_iter().fold(f64::MIN, f64::max)),
            "LEAST" => Ok(self.arguments()?.into_iter().fold(f64::MAX, f64::min)),
            "SUM" => Ok(self.arguments()?.into_iter().sum()),
            "" => Err("it ends early".to_owned()),
            unknown => Err(format!("`{unknown}` is not known")),
        }
    }

    fn arguments(&mut self) -> Result<Vec<f64>, String> {
        self.expect("(")?;
        let mut values = vec![self.product()?];
        while self.takes(",") {
            values.push(self.product()?);
        }
        self.expect(")").map(|()| values)
    }

    fn takes(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token).map(str::trim_start);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.takes(token) { Ok(()) } else { Err(format!("`{token}` is missing before `{}`", self.rest)) }
    }
}

#[cfg(test)]
#[path = "tests/unit/formula.rs"]
mod tests;
