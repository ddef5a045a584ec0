//! The widgets of a dashboard, and their JSON ("Dashboard body structure and syntax").

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use infra_core::graph::Input;
use infra_core::resource::Result;

/// A dashboard is a grid of 24 columns.
const COLUMNS: usize = 24;
const ROW_HEIGHT: usize = 6;

/// One diagram.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Widget {
    /// Its title.
    pub title: String,
    /// Its metrics.
    pub metrics: Vec<Metric>,
    /// The statistic of metrics without one, for example `Average`.
    pub stat: String,
    /// The period of one data point, in seconds.
    pub period_seconds: i32,
    /// `timeSeries`, `singleValue`, `bar`, `pie`, `gauge` or `table`.
    pub view: String,
    /// The label of the vertical axis.
    pub y_label: Option<String>,
}

/// One line in a diagram.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Metric {
    /// For example `AWS/RDS`.
    pub namespace: String,
    /// For example `CPUUtilization`.
    pub name: String,
    /// Its dimensions.
    pub dimensions: Vec<Dimension>,
    /// The label of the line.
    pub label: Option<String>,
    /// The statistic, if it differs from that of the widget.
    pub stat: Option<String>,
}

/// A dimension of a metric.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dimension {
    /// For example `DBInstanceIdentifier`.
    pub name: String,
    /// For example the identifier of a database.
    pub value: Input<String>,
}

/// Arranges widgets: three per row, or two when only that leaves no gap.
pub(super) fn body(widgets: &[Widget], region: &str) -> Result<Value> {
    let in_a_row = if !widgets.len().is_multiple_of(3) && widgets.len().is_multiple_of(2) { 2 } else { 3 };
    let width = COLUMNS / in_a_row;
    let laid: Vec<Value> = widgets
        .iter()
        .enumerate()
        .map(|(index, widget)| {
            let (x, y) = (index % in_a_row * width, index / in_a_row * ROW_HEIGHT);
            let properties = properties(widget, region)?;
            let (kind, height) = ("metric", ROW_HEIGHT);
            Ok(json!({ "type": kind, "x": x, "y": y, "width": width, "height": height, "properties": properties }))
        })
        .collect::<Result<_>>()?;
    Ok(json!({ "widgets": laid }))
}

fn properties(widget: &Widget, region: &str) -> Result<Value> {
    let metrics = widget.metrics.iter().map(line).collect::<Result<Vec<_>>>()?;
    let mut properties = json!({
        "title": widget.title, "region": region, "view": widget.view, "stacked": false,
        "stat": widget.stat, "period": widget.period_seconds, "metrics": metrics,
    });
    if let Some(label) = &widget.y_label {
        properties["yAxis"] = json!({ "left": { "label": label } });
    }
    Ok(properties)
}

/// `[namespace, name, dimension, value, …, {options}]`
fn line(metric: &Metric) -> Result<Value> {
    let mut line = vec![json!(metric.namespace), json!(metric.name)];
    for dimension in &metric.dimensions {
        line.extend([json!(dimension.name), json!(dimension.value.get()?)]);
    }
    let mut options = serde_json::Map::new();
    options.extend(metric.label.iter().map(|label| ("label".to_owned(), json!(label))));
    options.extend(metric.stat.iter().map(|stat| ("stat".to_owned(), json!(stat))));
    if !options.is_empty() {
        line.push(Value::Object(options));
    }
    Ok(Value::Array(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widget(title: &str) -> Widget {
        let dimension = Dimension { name: "DBInstanceIdentifier".into(), value: "db".into() };
        let metric = Metric {
            namespace: "AWS/RDS".into(),
            name: "CPU".into(),
            dimensions: vec![dimension],
            label: Some("cpu".into()),
            stat: None,
        };
        Widget {
            title: title.into(),
            metrics: vec![metric],
            stat: "Average".into(),
            period_seconds: 60,
            view: "timeSeries".into(),
            y_label: None,
        }
    }

    #[test]
    fn six_widgets_make_two_rows_of_three_and_four_make_two_rows_of_two() {
        let places = |count| {
            let widgets: Vec<Widget> = (0..count).map(|index| widget(&index.to_string())).collect();
            let body = body(&widgets, "us-east-1").unwrap();
            let place = |widget: &Value| (widget["x"].as_u64().unwrap(), widget["y"].as_u64().unwrap());
            body["widgets"].as_array().unwrap().iter().map(place).collect::<Vec<_>>()
        };
        assert_eq!(places(6), [(0, 0), (8, 0), (16, 0), (0, 6), (8, 6), (16, 6)]);
        assert_eq!(places(4), [(0, 0), (12, 0), (0, 6), (12, 6)]);
    }

    #[test]
    fn a_metric_is_a_list_with_its_options_last() {
        let body = body(&[widget("one")], "eu-west-1").unwrap();
        let properties = &body["widgets"][0]["properties"];
        assert_eq!(
            properties["metrics"],
            json!([["AWS/RDS", "CPU", "DBInstanceIdentifier", "db", { "label": "cpu" }]])
        );
        assert_eq!(properties["region"], "eu-west-1");
    }
}
