//! Where the two ends of a connection are and whose networks they are in.
//!
//! The collector looks that up and fills these columns: a station has no
//! database, and is not asked.

use crate::cell::{self, Cell, columns};
use crate::{Column, Kind, Table, Value};

mod end;

/// What is known of an address.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// Where it is.
    pub geography: Result<Geography, Missing>,
    /// Whose network it is in.
    pub network: Result<Network, Missing>,
}

/// Where an address is, as far as the database says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Geography {
    /// Two letters.
    pub continent_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country_code: Option<String>,
    /// ISO 3166-1 alpha-3.
    pub country_code3: Option<String>,
    /// In English.
    pub country_name: Option<String>,
    /// ISO 3166-2 of the largest subdivision, without the country.
    pub subdivision1_iso_code: Option<String>,
    /// In English.
    pub subdivision1_name: Option<String>,
    /// ISO 3166-2 of the subdivision within it, without the country.
    pub subdivision2_iso_code: Option<String>,
    /// In English.
    pub subdivision2_name: Option<String>,
    /// Of the United States only.
    pub metro_code: Option<u32>,
    /// In English.
    pub city: Option<String>,
    /// Of its country.
    pub postal_code: Option<String>,
    /// Degrees, north is positive.
    pub latitude: Option<f64>,
    /// Degrees, east is positive.
    pub longitude: Option<f64>,
    /// Radius about latitude and longitude, kilometres.
    pub accuracy_radius_km: Option<u32>,
}

/// Whose network an address is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The network, such as `192.0.2.0/24`, never narrower than /24 or /48.
    pub cidr: Option<String>,
    /// Its autonomous system.
    pub asn: u32,
    /// Name of that.
    pub as_name: Option<String>,
}

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
    /// The database has a record for it that cannot be read.
    Unreadable,
}

impl Missing {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::NoDatabase,
        Self::NotAnAddress,
        Self::PrivateAddress,
        Self::NotFound,
        Self::Unreadable,
    ];

    /// The word in the row.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoDatabase => "no_database",
            Self::NotAnAddress => "not_an_address",
            Self::PrivateAddress => "private_address",
            Self::NotFound => "not_found",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Where an annotation comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Type of the database, as the file names itself.
    pub name: String,
    /// When it was built, microseconds since the Unix epoch; none where the
    /// file names no time that can be.
    pub build_time: Option<i64>,
}

/// The databases that a row was annotated from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// Of geography.
    pub geography: Option<Source>,
    /// Of networks.
    pub network: Option<Source>,
}

const SOURCES: &[Cell<Sources>; 4] = &[
    Cell::new(
        4200,
        "geography_database",
        Kind::Text,
        "",
        "Type of the database that the collector took the geography of this row from, as the file names itself; NULL without one.",
        |row| row.geography.as_ref().map(|source| source.name.as_str()).into(),
    ),
    Cell::new(
        4201,
        "geography_database_build_time",
        Kind::Time,
        "us",
        "When that database was built.",
        |row| Value::time(row.geography.as_ref().and_then(|source| source.build_time)),
    ),
    Cell::new(
        4202,
        "network_database",
        Kind::Text,
        "",
        "Type of the database that the collector took networks and autonomous systems of this row from, as the file names itself; NULL without one.",
        |row| row.network.as_ref().map(|source| source.name.as_str()).into(),
    ),
    Cell::new(
        4203,
        "network_database_build_time",
        Kind::Time,
        "us",
        "When that database was built.",
        |row| Value::time(row.network.as_ref().and_then(|source| source.build_time)),
    ),
];

/// Of the router, or whoever else, that answered a probe.
const HOP_CELLS: &[Cell<End>; 3] = &[
    Cell::new(
        22,
        "reply_country_code",
        Kind::Text,
        "",
        "Country of reply_ip, two letters (ISO 3166-1 alpha-2); NULL where the database does not know it.",
        |row| row.geography(|it| it.country_code.as_deref().into()),
    ),
    Cell::new(
        23,
        "reply_asn",
        Kind::Int,
        "",
        "Autonomous system that announces the network of reply_ip; NULL where the database does not know it.",
        |row| row.network(|it| it.asn.into()),
    ),
    Cell::new(24, "reply_as_name", Kind::Text, "", "Name of that autonomous system.", |row| {
        row.network(|it| it.as_name.as_deref().into())
    }),
];

/// What annotates the client's end: the values of an [`End`].
pub const CLIENT: &[Column] = &at_ingest(columns(end::CLIENT));
/// What annotates the server's end: the values of an [`End`].
pub const SERVER: &[Column] = &at_ingest(columns(end::SERVER));
/// What annotates a probe of a trace, after its own columns: the values of
/// [`End::hop_values`].
pub const HOP: &[Column] = &at_ingest(columns(HOP_CELLS));
/// Which databases a row was annotated from: the values of [`Sources`].
pub const DATABASES: &[Column] = &at_ingest(columns(SOURCES));

const fn at_ingest<const N: usize>(mut columns: [Column; N]) -> [Column; N] {
    let mut at = 0;
    while at < N {
        columns[at] = columns[at].filled_at_ingest();
        at += 1;
    }
    columns
}

/// The columns of a table that hold the addresses of its client and its
/// server; none of a table without [`CLIENT`] and [`SERVER`].
pub fn addresses(table: &Table) -> Option<[&'static str; 2]> {
    match table.name {
        "speed_tests" => Some(["client_ip", "server_ip"]),
        "flows" => Some(["remote_ip", "local_ip"]),
        _ => None,
    }
}

impl End {
    /// The values of [`CLIENT`], and of [`SERVER`].
    pub fn values(&self) -> impl Iterator<Item = Value> {
        cell::values(end::CLIENT, self)
    }

    /// The values of [`HOP`].
    pub fn hop_values(&self) -> impl Iterator<Item = Value> {
        cell::values(HOP_CELLS, self)
    }
}

impl Sources {
    /// The values of [`DATABASES`].
    pub fn values(&self) -> impl Iterator<Item = Value> {
        cell::values(SOURCES, self)
    }
}

/// What a station's row has in the columns of [`CLIENT`], [`SERVER`] and [`DATABASES`].
pub(super) fn of_both_ends_unfilled() -> impl Iterator<Item = Value> {
    std::iter::repeat_n(Value::Null, CLIENT.len() + SERVER.len() + DATABASES.len())
}

/// What a station's row has in the columns of [`DATABASES`].
pub(super) fn databases_unfilled() -> impl Iterator<Item = Value> {
    std::iter::repeat_n(Value::Null, DATABASES.len())
}

/// What a station's probe has in the columns of [`HOP`].
pub(super) fn hop_unfilled() -> impl Iterator<Item = Value> {
    std::iter::repeat_n(Value::Null, HOP.len())
}
