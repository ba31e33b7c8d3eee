//! The columns of one end of a connection, and what fills them.

use super::{End, Geography, Network};
use crate::cell::Cell;
use crate::{Kind, Value};

/// Columns of one end.
const COUNT: usize = 19;

/// The words of [`Missing`], for the docs of the columns that hold them.
macro_rules! reasons {
    () => {
        "no_database (the collector had none), not_an_address, private_address (private, link-local, loopback or reserved), not_found (the database does not know it), unreadable (its record is damaged); NULL where nothing is missing."
    };
}

/// The columns of one end; ids count up from the first.
///
/// Names and meanings are those of M-Lab's annotations (`annotation2`, Geo and
/// Network).
macro_rules! end {
    ($end:literal, $first_id:literal) => {
        [
            Cell::new(
                $first_id,
                concat!($end, "_continent_code"),
                Kind::Text,
                "",
                concat!("Continent of the ", $end, ": AF, AN, AS, EU, NA, OC, SA."),
                |row| row.geography(|it| it.continent_code.as_deref().into()),
            ),
            Cell::new(
                $first_id + 1,
                concat!($end, "_country_code"),
                Kind::Text,
                "",
                concat!("Country of the ", $end, ", two letters (ISO 3166-1 alpha-2)."),
                |row| row.geography(|it| it.country_code.as_deref().into()),
            ),
            Cell::new(
                $first_id + 2,
                concat!($end, "_country_code3"),
                Kind::Text,
                "",
                concat!("Country of the ", $end, ", three letters (ISO 3166-1 alpha-3)."),
                |row| row.geography(|it| it.country_code3.as_deref().into()),
            ),
            Cell::new(
                $first_id + 3,
                concat!($end, "_country_name"),
                Kind::Text,
                "",
                concat!("Country of the ", $end, ", in English."),
                |row| row.geography(|it| it.country_name.as_deref().into()),
            ),
            Cell::new(
                $first_id + 4,
                concat!($end, "_subdivision1_iso_code"),
                Kind::Text,
                "",
                concat!(
                    "Largest subdivision of the country that the ",
                    $end,
                    " is in: ISO 3166-2 without the country."
                ),
                |row| row.geography(|it| it.subdivision1_iso_code.as_deref().into()),
            ),
            Cell::new(
                $first_id + 5,
                concat!($end, "_subdivision1_name"),
                Kind::Text,
                "",
                "Its name, in English.",
                |row| row.geography(|it| it.subdivision1_name.as_deref().into()),
            ),
            Cell::new(
                $first_id + 6,
                concat!($end, "_subdivision2_iso_code"),
                Kind::Text,
                "",
                concat!(
                    "Subdivision within that one that the ",
                    $end,
                    " is in: ISO 3166-2 without the country."
                ),
                |row| row.geography(|it| it.subdivision2_iso_code.as_deref().into()),
            ),
            Cell::new(
                $first_id + 7,
                concat!($end, "_subdivision2_name"),
                Kind::Text,
                "",
                "Its name, in English.",
                |row| row.geography(|it| it.subdivision2_name.as_deref().into()),
            ),
            Cell::new(
                $first_id + 8,
                concat!($end, "_metro_code"),
                Kind::Int,
                "",
                concat!("Metro code of the ", $end, ", of the United States only."),
                |row| row.geography(|it| it.metro_code.into()),
            ),
            Cell::new(
                $first_id + 9,
                concat!($end, "_city"),
                Kind::Text,
                "",
                concat!("City of the ", $end, ", in English."),
                |row| row.geography(|it| it.city.as_deref().into()),
            ),
            Cell::new(
                $first_id + 10,
                concat!($end, "_postal_code"),
                Kind::Text,
                "",
                concat!("Postal code of the ", $end, ", in some countries its beginning only."),
                |row| row.geography(|it| it.postal_code.as_deref().into()),
            ),
            Cell::new(
                $first_id + 11,
                concat!($end, "_latitude"),
                Kind::Float,
                "degrees",
                concat!("Approximate latitude of the ", $end, " (WGS 84), north is positive."),
                |row| row.geography(|it| it.latitude.into()),
            ),
            Cell::new(
                $first_id + 12,
                concat!($end, "_longitude"),
                Kind::Float,
                "degrees",
                concat!("Approximate longitude of the ", $end, " (WGS 84), east is positive."),
                |row| row.geography(|it| it.longitude.into()),
            ),
            Cell::new(
                $first_id + 13,
                concat!($end, "_accuracy_radius_km"),
                Kind::Int,
                "km",
                "Radius about latitude and longitude in which the database expects the address.",
                |row| row.geography(|it| it.accuracy_radius_km.into()),
            ),
            Cell::new(
                $first_id + 14,
                concat!($end, "_network_cidr"),
                Kind::Text,
                "",
                concat!(
                    "Network of the network database that the ",
                    $end,
                    " is in, never narrower than /24 or /48, so that it says no more than an old address does."
                ),
                |row| row.network(|it| it.cidr.as_deref().into()),
            ),
            Cell::new(
                $first_id + 15,
                concat!($end, "_asn"),
                Kind::Int,
                "",
                concat!("Autonomous system that announces the network of the ", $end, "."),
                |row| row.network(|it| it.asn.into()),
            ),
            Cell::new(
                $first_id + 16,
                concat!($end, "_as_name"),
                Kind::Text,
                "",
                "Name of that autonomous system.",
                |row| row.network(|it| it.as_name.as_deref().into()),
            ),
            Cell::new(
                $first_id + 17,
                concat!($end, "_geography_missing"),
                Kind::Text,
                "",
                concat!("Why it is not known where the ", $end, " is: ", reasons!()),
                |row| row.geography.as_ref().err().map(|missing| missing.name()).into(),
            ),
            Cell::new(
                $first_id + 18,
                concat!($end, "_network_missing"),
                Kind::Text,
                "",
                concat!("Why it is not known whose network the ", $end, " is in: ", reasons!()),
                |row| row.network.as_ref().err().map(|missing| missing.name()).into(),
            ),
        ]
    };
}

/// Of the client's end.
pub(super) const CLIENT: &[Cell<End>; COUNT] = &end!("client", 4000);
/// Of the server's end.
pub(super) const SERVER: &[Cell<End>; COUNT] = &end!("server", 4100);

impl End {
    pub(super) fn geography(&self, value: impl FnOnce(&Geography) -> Value) -> Value {
        self.geography.as_ref().map_or(Value::Null, value)
    }

    pub(super) fn network(&self, value: impl FnOnce(&Network) -> Value) -> Value {
        self.network.as_ref().map_or(Value::Null, value)
    }
}
