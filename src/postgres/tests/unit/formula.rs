//! Formulas of the parameter groups of RDS.

use super::{InstanceSize, evaluate, is_formula};

const LARGE: InstanceSize = InstanceSize { memory: 64 << 30, processors: 8, storage: 100 << 30 };

#[test]
fn the_formulas_of_the_default_groups_are_evaluated() {
    let small = InstanceSize::default();
    for (formula, of_small, of_large) in [
        ("{DBInstanceClassMemory/32768}", 32768, 2_097_152),
        ("LEAST({DBInstanceClassMemory/9531392},5000)", 112, 5000),
        ("GREATEST({DBInstanceClassMemory/64371566592},3)", 3, 3),
        ("GREATEST({DBInstanceClassMemory*1024/63963136},65536)", 65536, 1_100_145),
        ("GREATEST({log(DBInstanceClassMemory/21474836480)*600},200)", 200, 950),
        ("SUM({DBInstanceVCPU*2}, {EndPointPort} ,1)", 5437, 5449),
        ("{(DBInstanceClassMemory/1073741824)*3}", 3, 192),
    ] {
        assert!(is_formula(formula));
        assert_eq!(evaluate(formula, &small), Ok(of_small), "{formula}");
        assert_eq!(evaluate(formula, &LARGE), Ok(of_large), "{formula}");
    }
}

#[test]
fn what_is_no_formula_is_refused() {
    for (formula, reason) in [
        ("{DBInstanceClassMemory/}", "it ends early"),
        ("{DBInstanceClassMemory", "`}` is missing"),
        ("{Memory}", "`Memory` is not known"),
        ("{1/0}", "it divides by zero"),
        ("{1} 2", "`2` is not expected"),
        ("LEAST{1}", "`(` is missing"),
    ] {
        let error = evaluate(formula, &LARGE).unwrap_err().to_string();
        assert!(error.contains(formula) && error.contains(reason), "{error}");
    }
    assert!(!is_formula("16MB") && !is_formula("pg_stat_statements"));
}
