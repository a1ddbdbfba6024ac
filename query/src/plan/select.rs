//! Planning a `SELECT`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stripchart_core::{FieldType, FieldValue, Timestamp, Unit};
use stripchart_storage::{Db, Reads, RolledView, View};

use super::call::{aggregate_of, reducer_of, transform_of};
use super::compile::{check, is_time};
use super::instant::parse_instant;
use super::node::literal;
use super::reduce::reduced_list;
use super::refused::{Refusal, reads_a_series, refused_inside, unsupported_type};
use super::schema::{column_names, own_names, time_name};
use super::series_limit::{SeriesLimit, hand_down};
use super::time::{MAX_TIME, MIN_TIME, TimeBounds, split_condition};
use super::types::{Known, type_of};
use super::{
    Call, Condition, FillMode, Node, OutputColumn, Plan, PlannedSource, Reference, ReferenceKind,
    Schema, Slot, TransformInput,
};
use crate::ast::{self, DataType, Expr, Fill, MeasurementName, Select, Source, VarRef};
use crate::functions::{MathFunction, Reducer};
use crate::window::Windows;
use crate::zone::Zone;
use crate::{ExecuteOptions, QueryError};

/// Plans a statement against databases as they are now; the whole statement sees each at one instant.
pub(crate) struct Planner<'a> {
    db: &'a Db,
    options: &'a ExecuteOptions<'a>,
    views: BTreeMap<(String, Option<String>), Arc<View>>,
    /// Counts what is read of the views.
    reads: Option<Reads>,
}

/// What a subquery has from the query around it.
#[derive(Debug, Clone)]
pub(crate) struct Inherited {
    bounds: TimeBounds,
    /// What may be read at all.
    reach: TimeBounds,
    windows: Option<Windows>,
    dimensions: Vec<String>,
    ascending: bool,
}

/// `GROUP BY`, taken apart.
#[derive(Debug, Default)]
struct GroupBy {
    windows: Option<Windows>,
    tags: BTreeSet<String>,
    patterns: Vec<regex::Regex>,
    all: bool,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(db: &'a Db, options: &'a ExecuteOptions<'a>) -> Self {
        Planner { db, options, views: BTreeMap::new(), reads: None }
    }

    /// The same, counting in `reads` what running the plan reads.
    pub(crate) fn counted_by(mut self, reads: &Reads) -> Self {
        self.reads = Some(reads.clone());
        self
    }

    /// The database and policy that are meant, those of the request where none are named.
    fn names<'n>(
        &'n self,
        database: Option<&'n str>,
        policy: Option<&'n str>,
    ) -> Result<(&'n str, Option<&'n str>), QueryError> {
        let name = database.or(self.options.database).filter(|name| !name.is_empty());
        let name = name.ok_or(QueryError::DatabaseRequired)?;
        let policy = match (policy, database) {
            (Some(policy), _) => Some(policy),
            (None, None) => self.options.policy,
            // A database named without a policy means its own default.
            (None, Some(_)) => None,
        };
        Ok((name, policy.filter(|policy| !policy.is_empty())))
    }

    /// The view of a database and policy, those of the request where none are named.
    pub(crate) fn view(
        &mut self,
        database: Option<&str>,
        policy: Option<&str>,
    ) -> Result<Arc<View>, QueryError> {
        let (name, policy) = self.names(database, policy)?;
        let key = (name.to_owned(), policy.map(str::to_owned));
        if let Some(view) = self.views.get(&key) {
            return Ok(Arc::clone(view));
        }
        let mut view = self.db.view(name, policy).map_err(QueryError::from_db)?;
        if let Some(reads) = &self.reads {
            view = view.counted_by(reads);
        }
        let view = Arc::new(view);
        self.views.insert(key, Arc::clone(&view));
        Ok(view)
    }

    /// Whether there are the databases that a statement names, which InfluxDB asks before it looks at anything else.
    fn check_databases(&self, select: &Select) -> Result<(), QueryError> {
        if let Some(target) = &select.target {
            self.check_database(target.database.as_deref())?;
        }
        for source in &select.from {
            match source {
                Source::Measurement(source) => self.check_database(source.database.as_deref())?,
                Source::Subquery(inner) => self.check_databases(inner)?,
            }
        }
        Ok(())
    }

    fn check_database(&self, database: Option<&str>) -> Result<(), QueryError> {
        let (name, _) = self.names(database, None)?;
        match self.db.catalog().database(name) {
            Some(_) => Ok(()),
            None => Err(QueryError::DatabaseNotFound { name: name.to_owned() }),
        }
    }

    /// The view of a policy with its rollups, if it has some.
    fn rolled(
        &self,
        database: Option<&str>,
        policy: Option<&str>,
    ) -> Result<Option<Arc<RolledView>>, QueryError> {
        let (name, policy) = self.names(database, policy)?;
        let catalog = self.db.catalog();
        let found = catalog.database(name).and_then(|database| match policy {
            Some(policy) => database.policy(policy),
            None => Some(database.default_policy()),
        });
        if found.is_none_or(|policy| policy.rollups.is_empty()) {
            return Ok(None);
        }
        let mut view = self.db.rolled_view(name, policy).map_err(QueryError::from_db)?;
        if let Some(reads) = &self.reads {
            view = view.counted_by(reads);
        }
        Ok(Some(Arc::new(view)))
    }

    /// Plans `select`, a subquery if it inherits something.
    pub(crate) fn select(
        &mut self,
        select: &Select,
        inherited: Option<&Inherited>,
    ) -> Result<Plan, QueryError> {
        let select = &reduced_list(select);
        if inherited.is_none() {
            self.check_databases(select)?;
        }
        let now = self.options.now;
        let zone = select.time_zone.as_deref().map_or(Ok(None), Zone::find)?;
        let (condition, own_bounds) = match &select.condition {
            Some(condition) => split_condition(condition, now, zone)?,
            None => (None, TimeBounds::default()),
        };
        let mut condition = condition.as_ref().map(Condition::new).transpose()?;
        let group_by = self.group_by(select, zone)?;
        let outer_windows = inherited.and_then(|outer| outer.windows);
        let windows = group_by.windows.or(outer_windows);
        let ascending = ordering(select, inherited)?;
        // InfluxDB takes it so before it looks whether there are functions at all.
        let nulls_vanish = inherited.is_some() && group_by.windows.is_some();
        let fill = match select.fill {
            Fill::Null if nulls_vanish => Fill::None,
            fill => fill,
        };
        check(select, fill, windows, group_by.windows.is_none())?;

        let bounds = bounds_of(own_bounds, inherited, windows.is_some().then_some(now));
        let dimensions = inherited.iter().flat_map(|outer| &outer.dimensions);
        let dimensions = dimensions.chain(&group_by.tags).cloned().collect();
        let (nested, extra) = looking_back(select, windows);
        let reach = match inherited {
            Some(outer) => outer.reach,
            None => widened(bounds, windows, extra, ascending),
        };
        let handed_down = Inherited {
            bounds: widened(bounds, windows, i64::from(nested), ascending),
            reach,
            windows,
            dimensions,
            ascending,
        };
        let sources = self.sources(&select.from, &handed_down)?;
        let schema = Schema::of(&sources)?;
        if let (Some(condition), true) = (&mut condition, sources.len() > 1) {
            condition.mean_fields(|name| schema.fields.contains_key(name));
        }
        let own_dimensions = group_by.dimensions(&schema, None);
        let dimensions = group_by.dimensions(&schema, inherited);
        let without = (!group_by.all && group_by.patterns.is_empty()).then_some(&group_by.tags);
        let fields: Vec<ast::Field> =
            select.fields.iter().filter(|field| !is_time(&field.expr)).cloned().collect();
        let fields = schema.expand(&fields, without)?;

        let mut columns = Columns {
            schema: &schema,
            windows,
            refs: Vec::new(),
            calls: Vec::new(),
            call_keys: Vec::new(),
            refused: None,
        };
        let listed = listed_columns(fields, select.target.is_some());
        // To the query around it a column is what it is called, even if another one is called so, too.
        let names = match inherited {
            None => column_names(&listed),
            Some(_) => own_names(&listed),
        };
        let types = declared_types(&listed, &schema, inherited.is_some())?;
        let mut output = Vec::new();
        for (((expr, _), name), declared) in listed.iter().zip(names).zip(types) {
            let node = columns.node(expr)?;
            output.push(OutputColumn { name, node, declared, unit: None });
        }
        let fill = fill_mode(select.fill, inherited.is_some() && !columns.calls.is_empty());
        let start = bounds.min.unwrap_or(MIN_TIME);
        let refused = columns.refused;
        let series_limit = SeriesLimit {
            limit: select.slimit.filter(|limit| *limit > 0),
            offset: select.soffset,
            by: dimensions.clone(),
        };
        let mut plan = Plan {
            start,
            read_start: reach.min.unwrap_or(MIN_TIME),
            last: bounds.max.unwrap_or(MAX_TIME),
            read_last: reach.max.unwrap_or(MAX_TIME),
            windows: windows.filter(|_| !columns.calls.is_empty()),
            dimensions,
            own_dimensions,
            fill,
            ascending,
            limit: select.limit.filter(|limit| *limit > 0),
            offset: select.offset,
            series_limit,
            time_name: time_name(select),
            columns: output,
            refs: columns.refs.into(),
            calls: columns.calls,
            call_texts: columns.call_keys,
            condition: condition.map(Arc::new),
            refused: None,
            sources,
        };
        for index in 0..plan.columns.len() {
            plan.columns[index].unit = unit(&plan.columns[index].node, &plan);
        }
        self.limit_buckets(&mut plan)?;
        plan.refused = match refused {
            Some(Refusal { needs_series: true, .. }) if !reads_a_series(&plan)? => None,
            refused => refused.map(|refused| refused.message),
        };
        let inner = plan.sources.iter().find_map(|source| refused_inside(&plan, source));
        plan.refused = inner.or(plan.refused.take());
        if inherited.is_none() {
            hand_down(&mut plan);
        }
        match &plan.refused {
            Some(message) if inherited.is_none() => Err(QueryError::invalid(message.clone())),
            _ => Ok(plan),
        }
    }

    /// InfluxDB's `max-select-buckets`: refuses what is bounded and has too many windows, narrows what is not bounded.
    fn limit_buckets(&self, plan: &mut Plan) -> Result<(), QueryError> {
        let (Some(windows), Some(limit)) = (plan.windows, self.options.limits.max_buckets) else {
            return Ok(());
        };
        if plan.start > MIN_TIME {
            let found = windows.count(windows.start(plan.start), plan.last);
            if found > limit {
                return Err(QueryError::Buckets { found, limit });
            }
        } else {
            let span = i64::try_from(limit.saturating_sub(1)).unwrap_or(i64::MAX);
            let span = windows.interval_ns.saturating_mul(span);
            plan.read_start = windows.start(plan.last).saturating_sub(span).max(MIN_TIME);
        }
        Ok(())
    }

    fn group_by(&self, select: &Select, zone: Option<Zone>) -> Result<GroupBy, QueryError> {
        let mut group_by = GroupBy::default();
        for dimension in &select.group_by {
            match dimension.expr.unparenthesized() {
                Expr::Variable(variable) if variable.name.eq_ignore_ascii_case("time") => {
                    return Err(QueryError::invalid(
                        "time() is a function and expects at least one argument",
                    ));
                }
                Expr::Variable(variable) => {
                    group_by.tags.insert(variable.name.clone());
                }
                Expr::Wildcard(_) => group_by.all = true,
                Expr::Regex(regex) => group_by
                    .patterns
                    .push(regex.compile().map_err(|error| QueryError::invalid(error.to_string()))?),
                Expr::Call(call) if call.name == "time" => {
                    if group_by.windows.is_some() {
                        return Err(QueryError::invalid("multiple time dimensions not allowed"));
                    }
                    group_by.windows = Some(self.windows(&call.args, zone)?);
                }
                Expr::Call(_) => {
                    return Err(QueryError::invalid("only time() calls allowed in dimensions"));
                }
                _ => return Err(QueryError::invalid("only time and tag dimensions allowed")),
            }
        }
        Ok(group_by)
    }

    fn windows(&self, args: &[Expr], zone: Option<Zone>) -> Result<Windows, QueryError> {
        if !(1..=2).contains(&args.len()) {
            return Err(QueryError::invalid("time dimension expected 1 or 2 arguments"));
        }
        let Expr::Duration(interval) = args[0].unparenthesized() else {
            return Err(QueryError::invalid("time dimension must have duration argument"));
        };
        let interval_ns = interval.nanos();
        if interval_ns <= 0 {
            return Err(QueryError::invalid("time dimension must have duration argument"));
        }
        let refused = || QueryError::invalid("time dimension offset must be duration or now()");
        let aligned = |at: i64| at.rem_euclid(interval_ns);
        let offset_ns = match args.get(1).map(Expr::unparenthesized) {
            None => 0,
            Some(Expr::Duration(offset)) => offset.nanos() % interval_ns,
            Some(Expr::Call(call)) if call.name == "now" && call.args.is_empty() => {
                aligned(self.options.now.nanos())
            }
            Some(Expr::Call(call)) if call.name == "now" => {
                return Err(QueryError::invalid(
                    "time dimension offset now() function requires no arguments",
                ));
            }
            Some(Expr::Call(_)) => {
                return Err(QueryError::invalid("time dimension offset function must be now()"));
            }
            Some(Expr::String(text)) => aligned(parse_instant(text, zone).ok_or_else(refused)??),
            Some(_) => return Err(refused()),
        };
        Ok(Windows { interval_ns, offset_ns, zone })
    }

    fn sources(
        &mut self,
        sources: &[Source],
        inherited: &Inherited,
    ) -> Result<Vec<PlannedSource>, QueryError> {
        let mut planned = Vec::new();
        for source in sources {
            match source {
                Source::Subquery(select) => {
                    let plan = self.select(select, Some(inherited))?;
                    planned.push(PlannedSource::Subquery(Arc::new(plan)));
                }
                Source::Measurement(measurement) => {
                    let view =
                        self.view(measurement.database.as_deref(), measurement.policy.as_deref())?;
                    let names = match &measurement.name {
                        MeasurementName::Name(name) => vec![name.clone()],
                        MeasurementName::Regex(regex) => matching(&view, regex)?,
                    };
                    let rolled =
                        self.rolled(measurement.database.as_deref(), measurement.policy.as_deref());
                    let rolled = rolled?;
                    planned.extend(names.into_iter().map(|name| PlannedSource::Measurement {
                        fields: view.fields(&name),
                        view: Arc::clone(&view),
                        name,
                        rolled: rolled.clone(),
                    }));
                }
            }
        }
        Ok(planned)
    }
}

/// What is asked for within what is around it; up to `now` if that is given and nothing else ends it.
fn bounds_of(own: TimeBounds, outer: Option<&Inherited>, now: Option<Timestamp>) -> TimeBounds {
    let mut bounds = outer.map_or(own, |outer| own.intersect(outer.bounds));
    bounds.max = bounds.max.or(now.map(Timestamp::nanos));
    bounds
}

/// Whether a function of the select list looks back over the windows of another, and how many windows more than it is
/// about the statement may read for all its functions.
fn looking_back(select: &Select, windows: Option<Windows>) -> (bool, i64) {
    let (mut nested, mut extra) = (false, 0);
    for field in &select.fields {
        field.expr.walk(&mut |expr| {
            let Expr::Call(call) = expr else { return };
            match transform_of(call, windows) {
                Some(f) if f.reaches_back() > 0 => {
                    nested |= f.looks_back() && matches!(call.args.first(), Some(Expr::Call(_)));
                    extra = extra.max(i64::try_from(f.reaches_back()).unwrap_or(i64::MAX));
                }
                _ => {}
            }
        });
    }
    (nested, extra)
}

/// Bounds with so many windows more at the end that comes first.
fn widened(
    bounds: TimeBounds,
    windows: Option<Windows>,
    count: i64,
    ascending: bool,
) -> TimeBounds {
    let more = windows.map_or(0, |windows| windows.interval_ns.saturating_mul(count));
    let TimeBounds { min, max } = bounds;
    if ascending {
        let earlier = |min: i64| min.saturating_sub(more).max(MIN_TIME);
        TimeBounds { min: min.map(earlier), max }
    } else {
        let later = |max: i64| max.saturating_add(more).min(MAX_TIME);
        TimeBounds { min, max: max.map(later) }
    }
}

/// The measurements that a pattern names.
pub(crate) fn matching(view: &View, regex: &ast::Regex) -> Result<Vec<String>, QueryError> {
    let regex = regex.compile().map_err(|error| QueryError::invalid(error.to_string()))?;
    let names = view.measurements().map_err(QueryError::storage)?;
    Ok(names.into_iter().filter(|name| regex.is_match(name)).collect())
}

fn ordering(select: &Select, inherited: Option<&Inherited>) -> Result<bool, QueryError> {
    let ascending = !select.is_descending();
    match inherited {
        None => Ok(ascending),
        Some(outer) if !select.order_by.is_empty() && ascending != outer.ascending => {
            Err(QueryError::invalid(
                "subqueries must be ordered in the same direction as the query itself",
            ))
        }
        Some(outer) => Ok(outer.ascending),
    }
}

impl GroupBy {
    /// The tags grouped by: those named, those that wildcard and patterns stand for, those that an outer query needs.
    fn dimensions(&self, schema: &Schema, inherited: Option<&Inherited>) -> Vec<String> {
        let mut tags = self.tags.clone();
        let matched = |tag: &&String| self.all || self.patterns.iter().any(|p| p.is_match(tag));
        tags.extend(schema.tags.iter().filter(matched).cloned());
        if let Some(outer) = inherited {
            tags.extend(outer.dimensions.iter().cloned());
        }
        tags.into_iter().collect()
    }
}

/// In a subquery null windows are as good as none: the outer query passes over them.
fn fill_mode(fill: Fill, nulls_vanish: bool) -> FillMode {
    match fill {
        Fill::None => FillMode::None,
        Fill::Null if nulls_vanish => FillMode::None,
        Fill::Null => FillMode::Null,
        Fill::Previous => FillMode::Previous,
        Fill::Linear => FillMode::Linear,
        Fill::Integer(value) => FillMode::Value(FieldValue::Integer(value)),
        Fill::Number(value) => FillMode::Value(FieldValue::Float(value)),
    }
}

/// The select list's columns: `top` and `bottom` add one for each tag in them, unless the result is written somewhere.
fn listed_columns(fields: Vec<ast::Field>, has_target: bool) -> Vec<(Expr, Option<String>)> {
    let mut listed = Vec::new();
    for field in fields {
        let tags: Vec<Expr> = match &field.expr {
            Expr::Call(call) if matches!(call.name.as_str(), "top" | "bottom") && !has_target => {
                let variables = call.args.iter().skip(1);
                variables.filter(|arg| matches!(arg, Expr::Variable(_))).cloned().collect()
            }
            _ => Vec::new(),
        };
        listed.push((field.expr, field.alias));
        listed.extend(tags.into_iter().map(|tag| (tag, None)));
    }
    listed
}

/// What type each column is said to have; `None` is unknown. In a subquery, InfluxDB lets operands pass that do not go
/// together: their result is null.
fn declared_types(
    listed: &[(Expr, Option<String>)],
    schema: &Schema,
    in_subquery: bool,
) -> Result<Vec<Option<FieldType>>, QueryError> {
    let mut types = Vec::with_capacity(listed.len());
    for (expr, _) in listed {
        let known = match type_of(expr, schema) {
            Err(_) if in_subquery => None,
            known => known?,
        };
        types.push(known.map(|known| match known {
            Known::Value(field_type) => field_type,
            Known::Tag => FieldType::String,
        }));
    }
    Ok(types)
}

/// Gathers the slots that the select list needs.
struct Columns<'a> {
    schema: &'a Schema,
    windows: Option<Windows>,
    refs: Vec<Reference>,
    calls: Vec<Call>,
    /// The text of each call, by which it is known again.
    call_keys: Vec<String>,
    /// Why the first function that does not take its field's values does not.
    refused: Option<Refusal>,
}

impl Columns<'_> {
    fn node(&mut self, expr: &Expr) -> Result<Node, QueryError> {
        Ok(match expr {
            Expr::Paren(inner) => self.node(inner)?,
            Expr::Variable(variable) => Node::Slot(Slot::Ref(self.reference(variable))),
            Expr::Distinct(name) => {
                let call = ast::Call {
                    name: "distinct".to_owned(),
                    args: vec![Expr::Variable(VarRef { name: name.clone(), cast: None })],
                };
                Node::Slot(Slot::Call(self.call_slot(&call)?))
            }
            Expr::Call(call) => match MathFunction::from_name(&call.name) {
                Some(function) => {
                    let args: Result<Vec<_>, _> =
                        call.args.iter().map(|arg| self.node(arg)).collect();
                    Node::Math(function, args?)
                }
                None => Node::Slot(Slot::Call(self.call_slot(call)?)),
            },
            Expr::Binary(binary) => Node::Binary(
                binary.op,
                Box::new(self.node(&binary.left)?),
                Box::new(self.node(&binary.right)?),
            ),
            Expr::Duration(_) => Node::Null,
            other => literal(other).map(Node::Literal).ok_or_else(|| {
                QueryError::invalid(format!("invalid expression in a select list: {other}"))
            })?,
        })
    }

    fn reference(&mut self, variable: &VarRef) -> usize {
        let reference = self.resolve(variable);
        self.refs.iter().position(|known| *known == reference).unwrap_or_else(|| {
            self.refs.push(reference);
            self.refs.len() - 1
        })
    }

    fn resolve(&self, variable: &VarRef) -> Reference {
        Reference { name: variable.name.clone(), kind: self.schema.resolve(variable) }
    }

    fn call_slot(&mut self, call: &ast::Call) -> Result<usize, QueryError> {
        let key = call.to_string();
        if let Some(index) = self.call_keys.iter().position(|known| *known == key) {
            return Ok(index);
        }
        let planned = self.call(call)?;
        self.call_keys.push(key);
        self.calls.push(planned);
        Ok(self.calls.len() - 1)
    }

    fn call(&mut self, call: &ast::Call) -> Result<Call, QueryError> {
        let planned = match transform_of(call, self.windows) {
            Some(f) => {
                let input = match call.args.first() {
                    Some(Expr::Call(inner)) if MathFunction::from_name(&inner.name).is_some() => {
                        let message = format!("unsupported call: {}", inner.name);
                        self.refused.get_or_insert(Refusal { message, needs_series: false });
                        let kind = ReferenceKind::Unknown;
                        TransformInput::Field(Reference { name: String::new(), kind })
                    }
                    Some(Expr::Call(inner)) => TransformInput::Call(self.call(inner)?),
                    Some(argument) => TransformInput::Field(self.argument(argument)),
                    None => return Err(missing_argument(call)),
                };
                Call::Transform { f, input: Box::new(input) }
            }
            None => self.over_field(call)?,
        };
        let field = planned.field();
        if matches!(field.kind, ReferenceKind::Field(_)) && planned.output().is_none() {
            let message = unsupported_type(&planned, call);
            self.refused.get_or_insert(Refusal { message, needs_series: true });
        }
        Ok(planned)
    }

    /// A stored tag as a function's argument counts as nothing.
    fn argument(&self, argument: &Expr) -> Reference {
        let variable = match argument {
            Expr::Variable(variable) => variable.clone(),
            Expr::Distinct(name) => VarRef { name: name.clone(), cast: None },
            _ => VarRef { name: String::new(), cast: Some(DataType::Tag) },
        };
        let mut reference = self.resolve(&variable);
        if reference.kind == ReferenceKind::Tag {
            reference.kind = if self.schema.nested {
                ReferenceKind::Field(FieldType::String)
            } else {
                ReferenceKind::Unknown
            };
        }
        reference
    }

    fn over_field(&self, call: &ast::Call) -> Result<Call, QueryError> {
        let first = call.args.first().ok_or_else(|| missing_argument(call))?;
        if call.name == "count" {
            let distinct = match first {
                Expr::Call(inner) if inner.name == "distinct" => inner.args.first(),
                Expr::Distinct(_) => Some(first),
                _ => None,
            };
            if let Some(argument) = distinct {
                let field = self.argument(argument);
                return Ok(Call::Reduce { f: Reducer::CountDistinct, field, tags: Vec::new() });
            }
        }
        let field = self.argument(first);
        if let Some(f) = aggregate_of(&call.name) {
            return Ok(Call::Aggregate { f, field });
        }
        let tags = call.args.iter().skip(1).filter_map(|arg| match arg {
            Expr::Variable(variable) => Some(variable.name.clone()),
            _ => None,
        });
        Ok(Call::Reduce { f: reducer_of(call)?, field, tags: tags.collect() })
    }
}

fn missing_argument(call: &ast::Call) -> QueryError {
    QueryError::invalid(format!("expected field argument in {}()", call.name))
}

/// The type of a column's values.
pub(crate) fn node_type(node: &Node, plan: &Plan) -> FieldType {
    match node {
        Node::Slot(Slot::Ref(index)) => plan.refs[*index].kind.field_type(),
        Node::Slot(Slot::Call(index)) => plan.calls[*index].output().unwrap_or(FieldType::Float),
        Node::Literal(value) => value.field_type(),
        Node::Regex(_) => FieldType::String,
        Node::Null => FieldType::Float,
        Node::Math(function, args) => {
            let first = args.first().map_or(FieldType::Float, |arg| node_type(arg, plan));
            function.output(first)
        }
        Node::Binary(op, left, right) => {
            let (left, right) = (node_type(left, plan), node_type(right, plan));
            match (left, right) {
                (FieldType::Boolean, _) => FieldType::Boolean,
                (FieldType::Float, _) | (_, FieldType::Float) => FieldType::Float,
                (FieldType::Unsigned, _) | (_, FieldType::Unsigned) => FieldType::Unsigned,
                _ if *op == ast::BinaryOp::Div => FieldType::Float,
                _ => left,
            }
        }
    }
}

/// The unit of a column that is a field, or a function that keeps a field's unit.
fn unit(node: &Node, plan: &Plan) -> Option<Unit> {
    match node {
        Node::Slot(Slot::Ref(index)) => field_unit(&plan.refs[*index].name, plan),
        Node::Slot(Slot::Call(index)) => {
            let call = &plan.calls[*index];
            call.unit(field_unit(&call.field().name, plan))
        }
        _ => None,
    }
}

fn field_unit(name: &str, plan: &Plan) -> Option<Unit> {
    plan.sources.iter().find_map(|source| match source {
        PlannedSource::Measurement { fields, .. } => {
            fields.iter().find(|field| field.name == name)?.unit
        }
        PlannedSource::Subquery(plan) => {
            plan.columns.iter().find(|column| column.name == name)?.unit
        }
    })
}
