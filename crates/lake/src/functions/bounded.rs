//! DataFusion's functions whose result may be far larger than their arguments, up
//! to a size.
//!
//! They take memory that no pool is asked for, and a value of 100 GB would end the
//! process: `repeat('x', 100000000000)` is 28 bytes of SQL.  What they will make
//! is found out before they make it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _};
use arrow::compute::cast;
use arrow::compute::kernels::length::length;
use arrow::datatypes::{DataType, FieldRef, Int64Type, IntervalUnit, TimeUnit};
use datafusion::common::{Result, resources_err};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

/// What one call may make of a batch of rows.
const MOST_BYTES: f64 = (64_u64 << 20) as f64;
/// What one call may make of constants: the planner copies, hashes and prints it.
const MOST_CONSTANT_BYTES: f64 = (1_u64 << 20) as f64;

/// Bytes of the result of each row, at most and about.
type Size = fn(&[ArrayRef]) -> Result<Vec<f64>>;

const FUNCTIONS: &[(&str, Size)] = &[
    ("repeat", |it| Ok(product(&texts(&it[0])?, &counts(it.get(1))?))),
    ("lpad", padded),
    ("rpad", padded),
    ("concat", sum),
    ("array_concat", sum),
    ("concat_ws", |it| Ok(product(&sum(it)?, &[2.0]))),
    ("replace", |it| Ok(product(&matches(&it[0])?, &texts(&it[2])?))),
    ("regexp_replace", |it| Ok(product(&matches(&it[0])?, &texts(&it[2])?))),
    ("array_to_string", |it| Ok(product(&lists(&it[0])?, &texts(&it[1])?))),
    ("range", steps),
    ("generate_series", steps),
    ("array_repeat", |it| Ok(product(&each(&it[0]), &counts(it.get(1))?))),
    ("array_resize", |it| Ok(product(&each(&it[0]), &counts(it.get(1))?))),
];

/// Puts a bound on each of them.
pub(super) fn register(context: &SessionContext) {
    let unbounded = context.state();
    for (name, size) in FUNCTIONS {
        if let Some(function) = unbounded.scalar_functions().get(*name).map(Arc::clone) {
            context.register_udf(ScalarUDF::from(Bounded { function, size: *size }));
        }
    }
}

/// `concat` with its bound.
pub(super) fn concat(function: Arc<ScalarUDF>) -> ScalarUDF {
    ScalarUDF::from(Bounded { function, size: sum })
}

#[derive(Debug)]
struct Bounded {
    function: Arc<ScalarUDF>,
    size: Size,
}

impl PartialEq for Bounded {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function
    }
}

impl Eq for Bounded {}

impl std::hash::Hash for Bounded {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.function.hash(state);
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.function.return_type(types)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.function.return_field_from_args(arguments)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce_types(types)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_one = arguments.args.iter().all(|it| matches!(it, ColumnarValue::Scalar(_)));
        let (rows, most) =
            if is_one { (1, MOST_CONSTANT_BYTES) } else { (arguments.number_rows, MOST_BYTES) };
        // A constant is in the result of every row, or nearly.
        let repeated: usize = arguments.args.iter().map(constant_bytes).sum();
        self.check(repeated as f64 * rows as f64, most)?;
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        self.check((self.size)(&arrays)?.iter().take(rows).sum(), most)?;
        self.function.invoke_with_args(arguments)
    }
}

impl Bounded {
    fn check(&self, bytes: f64, most: f64) -> Result<()> {
        if bytes <= most {
            return Ok(());
        }
        resources_err!(
            "{} would make {:.0} MiB at once, and may make {:.0}",
            self.name(),
            bytes / f64::from(1 << 20),
            most / f64::from(1 << 20)
        )
    }
}

fn constant_bytes(argument: &ColumnarValue) -> usize {
    match argument {
        ColumnarValue::Scalar(constant) => constant.size(),
        ColumnarValue::Array(_) => 0,
    }
}

/// Row by row; one value stands for all rows.
fn product(left: &[f64], right: &[f64]) -> Vec<f64> {
    let rows = left.len().max(right.len());
    let at = |values: &[f64], row| values.get(row).or(values.last()).copied().unwrap_or_default();
    (0..rows).map(|row| at(left, row) * at(right, row)).collect()
}

/// As numbers, 0 for NULL and below.
fn numbers(array: &ArrayRef) -> Result<Vec<f64>> {
    let numbers = cast(array, &DataType::Int64)?;
    let numbers = numbers.as_primitive::<Int64Type>();
    Ok(numbers.iter().map(|number| number.unwrap_or_default() as f64).collect())
}

fn counts(array: Option<&ArrayRef>) -> Result<Vec<f64>> {
    let counts = array.map_or_else(|| Ok(Vec::new()), numbers)?;
    Ok(counts.into_iter().map(|count| count.max(0.0)).collect())
}

/// Bytes of texts.
fn texts(array: &ArrayRef) -> Result<Vec<f64>> {
    match array.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => numbers(&length(array)?),
        _ => numbers(&length(&cast(array, &DataType::Utf8View)?)?),
    }
}

fn sum(arrays: &[ArrayRef]) -> Result<Vec<f64>> {
    let mut sums = Vec::new();
    for array in arrays {
        let sizes = if array.data_type().is_nested() { each(array) } else { texts(array)? };
        sums.resize(sums.len().max(sizes.len()), 0.0);
        for (sum, size) in sums.iter_mut().zip(sizes) {
            *sum += size;
        }
    }
    Ok(sums)
}

/// Every character matches, and before the first and after the last.
fn matches(array: &ArrayRef) -> Result<Vec<f64>> {
    Ok(texts(array)?.into_iter().map(|bytes| bytes + 1.0).collect())
}

/// A character has at most four bytes.
fn padded(arrays: &[ArrayRef]) -> Result<Vec<f64>> {
    Ok(product(&counts(arrays.get(1))?, &[4.0]))
}

/// Elements of lists.
fn lists(array: &ArrayRef) -> Result<Vec<f64>> {
    match array.data_type() {
        DataType::List(_) | DataType::LargeList(_) => numbers(&length(array)?),
        _ => Ok(vec![array.len() as f64; array.len()]),
    }
}

/// Bytes of each value, about.
fn each(array: &ArrayRef) -> Vec<f64> {
    let bytes = array.to_data().get_slice_memory_size().unwrap_or_default();
    let rows = array.len();
    vec![(bytes / rows.max(1)) as f64 + 8.0; rows]
}

/// Elements from a start to an end.
fn steps(arrays: &[ArrayRef]) -> Result<Vec<f64>> {
    const ELEMENT_BYTES: f64 = 8.0;
    let (start, end) = match arrays {
        [end] => (vec![0.0; end.len()], moments(end)?),
        [start, end, ..] => (moments(start)?, moments(end)?),
        [] => return Ok(Vec::new()),
    };
    let step = arrays.get(2).map_or_else(|| Ok(vec![1.0; start.len()]), spans)?;
    let elements = start.iter().zip(end).zip(step);
    Ok(elements
        .map(|((start, end), step)| {
            ((end - start).abs() / step.abs().max(1.0) + 1.0) * ELEMENT_BYTES
        })
        .collect())
}

/// Numbers as they are, times in nanoseconds.
fn moments(array: &ArrayRef) -> Result<Vec<f64>> {
    if !array.data_type().is_temporal() {
        return numbers(array);
    }
    // Whose nanoseconds do not fit into 64 bits are far enough away.
    let micros = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
    Ok(numbers(&micros)?.into_iter().map(|micros| micros * 1e3).collect())
}

fn spans(array: &ArrayRef) -> Result<Vec<f64>> {
    const DAY_NS: f64 = 86_400e9;
    if !matches!(array.data_type(), DataType::Interval(_)) {
        return numbers(array);
    }
    let spans = cast(array, &DataType::Interval(IntervalUnit::MonthDayNano))?;
    let spans = spans.as_primitive::<arrow::datatypes::IntervalMonthDayNanoType>();
    let span = |span: Option<arrow::datatypes::IntervalMonthDayNano>| {
        span.map_or(1.0, |it| {
            (f64::from(it.months) * 28.0 + f64::from(it.days)) * DAY_NS + it.nanoseconds as f64
        })
    };
    Ok(spans.iter().map(span).collect())
}
