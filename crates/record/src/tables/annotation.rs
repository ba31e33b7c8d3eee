//! Where the two ends of a connection are and whose networks they are in.
//!
//! The collector looks that up and fills these columns: a station has no
//! database, and is not asked.

use crate::{Column, Kind, Value};

/// Why an address has no annotation of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// The collector had no database of this kind.
    NoDatabase,
    /// The row has no address there, or a text that is none.
    NotAnAddress,
    /// No database can know it: private, link-local, loopback or reserved.
    PrivateAddress,
    /// The database does not know it.
    NotFound,
}

impl Missing {
    /// All of them.
    pub const ALL: &[Self] =
        &[Self::NoDatabase, Self::NotAnAddress, Self::PrivateAddress, Self::NotFound];

    /// The word in the row.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoDatabase => "no_database",
            Self::NotAnAddress => "not_an_address",
            Self::PrivateAddress => "private_address",
            Self::NotFound => "not_found",
        }
    }
}

/// The words of [`Missing`], for the docs of the columns that hold them.
macro_rules! reasons {
    () => {
        "no_database (the collector had none), not_an_address, private_address (private, link-local, loopback or reserved), not_found (the database does not know it); NULL where nothing is missing."
    };
}

/// Columns of one end, in the order in which they are stored.
const END_COLUMNS: usize = 19;

/// The columns of one end; ids count up from the first.
///
/// Names and meanings are those of M-Lab's annotations (`annotation2`, Geo and
/// Network).
macro_rules! end {
    ($end:literal, $first_id:literal) => {
        [
            Column::new(
                $first_id,
                concat!($end, "_continent_code"),
                Kind::Text,
                "",
                concat!("Continent of the ", $end, ": AF, AN, AS, EU, NA, OC, SA."),
            ),
            Column::new(
                $first_id + 1,
                concat!($end, "_country_code"),
                Kind::Text,
                "",
                concat!("Country of the ", $end, ", two letters (ISO 3166-1 alpha-2)."),
            ),
            Column::new(
                $first_id + 2,
                concat!($end, "_country_code3"),
                Kind::Text,
                "",
                concat!("Country of the ", $end, ", three letters (ISO 3166-1 alpha-3)."),
            ),
            Column::new(
                $first_id + 3,
                concat!($end, "_country_name"),
                Kind::Text,
                "",
                concat!("Country of the ", $end, ", in English."),
            ),
            Column::new(
                $first_id + 4,
                concat!($end, "_subdivision1_iso_code"),
                Kind::Text,
                "",
                concat!(
                    "Largest subdivision of the country that the ",
                    $end,
                    " is in: ISO 3166-2 without the country."
                ),
            ),
            Column::new(
                $first_id + 5,
                concat!($end, "_subdivision1_name"),
                Kind::Text,
                "",
                "Its name, in English.",
            ),
            Column::new(
                $first_id + 6,
                concat!($end, "_subdivision2_iso_code"),
                Kind::Text,
                "",
                concat!(
                    "Subdivision within that one that the ",
                    $end,
                    " is in: ISO 3166-2 without the country."
                ),
            ),
            Column::new(
                $first_id + 7,
                concat!($end, "_subdivision2_name"),
                Kind::Text,
                "",
                "Its name, in English.",
            ),
            Column::new(
                $first_id + 8,
                concat!($end, "_metro_code"),
                Kind::Int,
                "",
                concat!("Metro code of the ", $end, ", of the United States only."),
            ),
            Column::new(
                $first_id + 9,
                concat!($end, "_city"),
                Kind::Text,
                "",
                concat!("City of the ", $end, ", in English."),
            ),
            Column::new(
                $first_id + 10,
                concat!($end, "_postal_code"),
                Kind::Text,
                "",
                concat!("Postal code of the ", $end, ", in some countries its beginning only."),
            ),
            Column::new(
                $first_id + 11,
                concat!($end, "_latitude"),
                Kind::Float,
                "degrees",
                concat!("Approximate latitude of the ", $end, " (WGS 84), north is positive."),
            ),
            Column::new(
                $first_id + 12,
                concat!($end, "_longitude"),
                Kind::Float,
                "degrees",
                concat!("Approximate longitude of the ", $end, " (WGS 84), east is positive."),
            ),
            Column::new(
                $first_id + 13,
                concat!($end, "_accuracy_radius_km"),
                Kind::Int,
                "km",
                "Radius about latitude and longitude in which the database expects the address.",
            ),
            Column::new(
                $first_id + 14,
                concat!($end, "_network_cidr"),
                Kind::Text,
                "",
                concat!(
                    "Network of the network database that the ",
                    $end,
                    " is in, never narrower than /24 or /48, so that it says no more than an old address does."
                ),
            ),
            Column::new(
                $first_id + 15,
                concat!($end, "_asn"),
                Kind::Int,
                "",
                concat!("Autonomous system that announces the network of the ", $end, "."),
            ),
            Column::new(
                $first_id + 16,
                concat!($end, "_as_name"),
                Kind::Text,
                "",
                "Name of that autonomous system.",
            ),
            Column::new(
                $first_id + 17,
                concat!($end, "_geography_missing"),
                Kind::Text,
                "",
                concat!("Why it is not known where the ", $end, " is: ", reasons!()),
            ),
            Column::new(
                $first_id + 18,
                concat!($end, "_network_missing"),
                Kind::Text,
                "",
                concat!("Why it is not known whose network the ", $end, " is in: ", reasons!()),
            ),
        ]
    };
}

const DATABASE_COLUMNS: &[Column; 4] = &[
    Column::new(
        4200,
        "geography_database",
        Kind::Text,
        "",
        "Type of the database that the collector took the geography of this row from, as the file names itself; NULL without one.",
    ),
    Column::new(
        4201,
        "geography_database_build_time",
        Kind::Time,
        "us",
        "When that database was built.",
    ),
    Column::new(
        4202,
        "network_database",
        Kind::Text,
        "",
        "Type of the database that the collector took networks and autonomous systems of this row from, as the file names itself; NULL without one.",
    ),
    Column::new(
        4203,
        "network_database_build_time",
        Kind::Time,
        "us",
        "When that database was built.",
    ),
];

/// What annotates the client's end.
pub const CLIENT: &[Column] = &at_ingest::<END_COLUMNS>(&end!("client", 4000));
/// What annotates the server's end.
pub const SERVER: &[Column] = &at_ingest::<END_COLUMNS>(&end!("server", 4100));
/// Which databases a row was annotated from.
pub const DATABASES: &[Column] = &at_ingest(DATABASE_COLUMNS);

const fn at_ingest<const N: usize>(columns: &[Column; N]) -> [Column; N] {
    let mut filled = *columns;
    let mut at = 0;
    while at < N {
        filled[at] = columns[at].filled_at_ingest();
        at += 1;
    }
    filled
}

/// What a station's row has in the columns of [`CLIENT`], [`SERVER`] and [`DATABASES`].
pub(super) fn of_both_ends_unfilled() -> impl Iterator<Item = Value> {
    std::iter::repeat_n(Value::Null, CLIENT.len() + SERVER.len() + DATABASES.len())
}

/// What a station's row has in the columns of [`DATABASES`].
pub(super) fn databases_unfilled() -> impl Iterator<Item = Value> {
    std::iter::repeat_n(Value::Null, DATABASES.len())
}
