//! What the practice service sells, and which product it sees for a weight.

use crate::weight::Weight;

/// A product of the practice shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// The id, as an answer carries it.
    pub id: &'static str,
    /// What a person reads.
    pub name: &'static str,
    /// What one piece weighs, in grams, where the product is counted.
    pub piece_grams: Option<u32>,
}

const PRODUCTS: [Product; 12] = [
    Product { id: "834437", name: "Banana", piece_grams: Some(120) },
    Product { id: "400114", name: "Apple", piece_grams: Some(180) },
    Product { id: "404612", name: "Avocado", piece_grams: Some(200) },
    Product { id: "405310", name: "Lemon", piece_grams: Some(110) },
    Product { id: "409411", name: "Carrots", piece_grams: None },
    Product { id: "406912", name: "Cabbage", piece_grams: None },
    Product { id: "461213", name: "Ginger", piece_grams: None },
    Product { id: "405111", name: "Mango", piece_grams: Some(350) },
    Product { id: "406413", name: "Tomatoes", piece_grams: None },
    Product { id: "407214", name: "Potatoes", piece_grams: None },
    Product { id: "408215", name: "Red onions", piece_grams: None },
    Product { id: "440916", name: "Pears", piece_grams: Some(190) },
];

/// All products.
#[must_use]
pub fn catalogue() -> &'static [Product] {
    &PRODUCTS
}

/// The product that the practice service sees for a weight: every 10 g it is the next one, so the same weight
/// is always the same product and neighbours differ. None for an empty plate.
#[must_use]
pub fn product_for(weight: Weight) -> Option<&'static Product> {
    let grams = usize::try_from(weight.micrograms() / 1_000_000).ok().filter(|&grams| grams > 0)?;
    PRODUCTS.get(grams / 10 % PRODUCTS.len())
}

/// The products it offers for a weight, the one it sees first, `most` at most.
pub(super) fn offers(weight: Weight, most: usize) -> Vec<&'static Product> {
    let seen = product_for(weight).and_then(|product| PRODUCTS.iter().position(|other| other == product));
    seen.map(|first| PRODUCTS.iter().cycle().skip(first).take(most.min(PRODUCTS.len())).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_same_weight_is_the_same_product_and_ten_grams_more_another() {
        let at = |grams| product_for(Weight::from_grams(grams)).map(|product| product.id);
        assert_eq!(at(1_235), at(1_239));
        assert_ne!(at(1_235), at(1_245));
        assert_eq!((at(0), at(-5)), (None, None));
        let all: BTreeSet<_> = (1..=120).filter_map(at).collect();
        assert_eq!(all.len(), PRODUCTS.len(), "every product can be seen, and no id stands twice");
    }

    #[test]
    fn the_product_seen_is_offered_first() {
        let weight = Weight::from_grams(115);
        let offered = offers(weight, 4);
        assert_eq!(offered.first().copied(), product_for(weight));
        assert_eq!(offered.len(), 4);
        assert_eq!(offers(weight, 99).len(), PRODUCTS.len());
        assert!(offers(Weight::ZERO, 4).is_empty());
    }
}
