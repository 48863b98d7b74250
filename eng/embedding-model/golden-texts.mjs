const long = 'A rugged cordless drill with a brushless motor, two batteries, a belt clip and a work light for dim basements. ';

/** Texts that between them reach every path of tokenizer and model. */
export const texts = [
  // A shop's own sentences.
  'insulated travel mug',
  'garden hose',
  'something to keep my coffee hot on the train',
  'Stainless steel insulated travel mug, 16 oz, keeps drinks hot for 12 hours.',
  'Waterproof hiking boots for women with wide feet',
  'A gift for a ten-year-old who loves dinosaurs',
  'cordless drill with two batteries and a charger',
  'Do you have anything that stops my basement from flooding?',
  'Noise-cancelling headphones for long flights. Up to 30 hours of battery life, folds flat, comes with a case.',
  'paint that dries fast and does not smell',
  'organic cotton bed sheets, queen size',
  'my dog chews everything, what toy will survive?',
  'LED bulbs, warm white, 60W equivalent, pack of 4',
  'how do I hang a heavy mirror on drywall',
  'Returns are free within 30 days of delivery.',
  'compare the Contoso TrailRunner 5 and the Fabrikam StormPro',
  'the the the the',
  'to be or not to be',

  // Next to nothing.
  '',
  ' ',
  ' \t\r\n ',
  'a',
  'X',
  '.',
  '?!',
  '-',
  '0',
  '…',

  // Numbers, codes, markup.
  '1234567890',
  'SKU ZV-10482-BLK',
  'zv10482blk',
  '$1,299.99 (was $1,499.00)',
  '12 x 3/8" hex bolts, M10-1.5, DIN 933',
  '5:30 pm to 8:00 am',
  '50% off!!! 2-for-1 :) today only',
  'https://zava.example/products?id=42&sort=price',
  'help@zava.example',
  '<b>Bold</b> &amp; <i>brave</i>',
  "SELECT * FROM products WHERE name = 'hose'; --",
  '”5 and ”5” of pipe',
  '<s> </s> extra_token_id_1',

  // Mixed case and white space.
  'INSULATED TRAVEL MUG',
  'iPhone USB-C charger',
  'McDonald macOS eBay NASA',
  'two  spaces   and\ta tab\nand a line\r\n\r\nand a paragraph  ',

  // What NFKC changes.
  'Ｗｉｒｅｌｅｓｓ　Ｍｏｕｓｅ　２．４ＧＨｚ',
  'ﬁne ﬂannel oﬃce shirt',
  '½ inch pipe, 10 m², x³, №5, ㎏, ℃',
  'Velcro™ straps, Gore-Tex® jacket, ©2025',
  'cafe\u0301 versus caf\u00e9',
  'non\u00a0breaking\u2003and\u2009thin spaces',
  'soft\u00adhyphen and zero\u200bwidth',
  'ⅷ Ⅻ ① ⑳ ﷺ ｶﾞ',

  // Pieces that the vocabulary lacks.
  '🎁',
  'birthday gift 🎉🎁 for mum 👩‍👧',
  'flags 🇳🇱🇰🇷 and skin 👍🏽',
  'een waterdichte jas voor de herfst',
  'Kaffeemühle für große Mengen',
  'une écharpe très légère pour l’été',
  '보온 머그컵',
  '断熱マグカップ',
  'теплая куртка',
  'كوب سفر معزول',

  // Around and over the cut at 128 pieces.
  long.repeat(4).trim(),
  long.repeat(5).trim(),
  long.repeat(12).trim(),
  'word '.repeat(127).trim(),
  'word '.repeat(128).trim(),
  'word '.repeat(129).trim(),
  'supercalifragilisticexpialidocious'.repeat(30),
];
