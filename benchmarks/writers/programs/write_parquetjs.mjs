// Files that parquetjs writes. Run by make.py, as `node PROGRAM FOLDER`.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import parquet from '@dsnp/parquetjs'

const folder = process.argv[2]
const texts = JSON.parse(readFileSync(join(folder, 'documents.json'), 'utf8'))
const manifest = readFileSync('node_modules/@dsnp/parquetjs/package.json', 'utf8')
const { version } = JSON.parse(manifest)

async function write(what, special, fields, row, options = {}) {
  const file = `parquetjs-${what}.parquet`
  const schema = new parquet.ParquetSchema({ text: { type: 'UTF8' }, ...fields })
  const writer = await parquet.ParquetWriter.openFile(schema, join(folder, file), options)
  writer.setMetadata('license', 'CC-BY-4.0')
  for (const [i, text] of texts.entries()) await writer.appendRow({ text, ...row(i) })
  await writer.close()
  console.log(JSON.stringify({ file, writer: '@dsnp/parquetjs', version: version.replace('v', ''), special }))
}

await write('types', 'JSON, BSON, INTERVAL and unsigned columns.', {
  facts: { type: 'JSON' },
  whole: { type: 'BSON' },
  age: { type: 'INTERVAL' },
  small: { type: 'UINT_8' },
  price: { type: 'DECIMAL', precision: 10, scale: 2 },
}, (i) => ({
  facts: { place: i },
  whole: { place: i },
  age: { months: i + 1, days: i + 1, milliseconds: i + 1 },
  small: i,
  price: i,
}))

await write('times', 'TIME and TIMESTAMP columns of milliseconds and microseconds.', {
  seen: { type: 'TIMESTAMP_MILLIS' },
  seen_micros: { type: 'TIMESTAMP_MICROS' },
  at: { type: 'TIME_MILLIS' },
  day: { type: 'DATE' },
}, (i) => ({
  seen: new Date(1709208000000 + i),
  seen_micros: new Date(1709208000000 + i),
  at: i * 1000,
  day: new Date(1709208000000),
}), { useDataPageV2: true })

await write('nested', 'Repeated fields that are no LIST, and structs.', {
  tags: { type: 'UTF8', repeated: true, compression: 'GZIP' },
  maybe: { type: 'DOUBLE', optional: true },
  links: { repeated: true, fields: { url: { type: 'UTF8' }, rank: { type: 'INT64' } } },
}, (i) => ({
  tags: ['a', 'b', 'c'].slice(0, i % 4),
  ...(i % 3 ? { maybe: i / 2 } : {}),
  links: i % 2 ? [{ url: `page-${i}`, rank: i }] : [],
}), { useDataPageV2: false, rowGroupSize: 50 })

await write('bloom', 'A Bloom filter, a page index, and the codec BROTLI.', {
  url: { type: 'UTF8', compression: 'BROTLI', statistics: true },
}, (i) => ({ url: `page-${i}` }), {
  bloomFilters: [{ column: 'url', numFilterBytes: 1024 }],
  pageIndex: true,
  rowGroupSize: 100,
})
