//! Records of the layouts that say where an address is.

use serde::Deserialize;
use trigpoint_record::tables::annotation::Geography;

use crate::country::alpha3;
use crate::number::{Float, Integer};

/// A record of GeoLite2-City, GeoLite2-Country, or of the npm packages' flat
/// layout, which has a `country_code` only.
#[derive(Debug, Deserialize)]
pub(crate) struct Record<'a> {
    #[serde(borrow, default)]
    continent: Continent<'a>,
    #[serde(borrow, default)]
    country: Place<'a>,
    #[serde(borrow, default)]
    subdivisions: Vec<Place<'a>>,
    #[serde(borrow, default)]
    city: Place<'a>,
    #[serde(borrow, default)]
    postal: Postal<'a>,
    #[serde(default)]
    location: Location,
    country_code: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
struct Continent<'a> {
    code: Option<&'a str>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct Place<'a> {
    iso_code: Option<&'a str>,
    #[serde(borrow, default)]
    names: Names<'a>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct Names<'a> {
    en: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
struct Postal<'a> {
    code: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
struct Location {
    latitude: Option<Float>,
    longitude: Option<Float>,
    accuracy_radius: Option<Integer>,
    metro_code: Option<Integer>,
}

impl Record<'_> {
    /// What the tables hold of it; `None` where that is nothing.
    pub(crate) fn into_geography(self) -> Option<Geography> {
        let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let subdivision = |at: usize| self.subdivisions.get(at).copied().unwrap_or_default();
        let (first, second) = (subdivision(0), subdivision(1));
        let country_code = text(self.country.iso_code.or(self.country_code));
        let geography = Geography {
            continent_code: text(self.continent.code),
            country_code3: text(country_code.as_deref().and_then(alpha3)),
            country_code,
            country_name: text(self.country.names.en),
            subdivision1_iso_code: text(first.iso_code),
            subdivision1_name: text(first.names.en),
            subdivision2_iso_code: text(second.iso_code),
            subdivision2_name: text(second.names.en),
            metro_code: self.location.metro_code.map(|it| it.0),
            city: text(self.city.names.en),
            postal_code: text(self.postal.code),
            latitude: self.location.latitude.map(|it| it.0),
            longitude: self.location.longitude.map(|it| it.0),
            accuracy_radius_km: self.location.accuracy_radius.map(|it| it.0),
        };
        (geography != Geography::default()).then_some(geography)
    }
}
