// Files that hyparquet-writer writes. Run by make.py, as `node PROGRAM FOLDER`.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parquetWriteFile } from 'hyparquet-writer'

const folder = process.argv[2]
const texts = JSON.parse(readFileSync(join(folder, 'documents.json'), 'utf8'))
const manifest = readFileSync('node_modules/hyparquet-writer/package.json', 'utf8')
const { version } = JSON.parse(manifest)

function uuid(i) {
  return `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`
}

function write(what, special, columns, options = {}) {
  const file = `hyparquet-${what}.parquet`
  const columnData = [{ name: 'text', data: texts, type: 'STRING' }, ...columns]
  parquetWriteFile({ filename: join(folder, file), columnData, ...options })
  console.log(JSON.stringify({ file, writer: 'hyparquet-writer', version, special }))
}

function column(name, type, value, more = {}) {
  return { name, type, data: texts.map((_, i) => value(i)), ...more }
}

write('types', 'JSON, UUID, FLOAT16 and TIMESTAMP columns, and a `license` key.', [
  column('facts', 'JSON', (i) => ({ place: i, tags: ['a', null] })),
  column('id', 'UUID', uuid),
  column('half', 'FLOAT16', (i) => i / 2),
  column('seen', 'TIMESTAMP', (i) => new Date(1709208000000 + i)),
], { kvMetadata: [{ key: 'license', value: 'CC-BY-4.0' }, { key: 'no value' }] })

write('places', 'GEOMETRY and GEOGRAPHY columns.', [
  column('place', 'GEOMETRY', (i) => ({ type: 'Point', coordinates: [i % 180, i % 90] })),
  column('on_earth', 'GEOGRAPHY', (i) => ({ type: 'Point', coordinates: [i % 180, i % 90] })),
])

write('guessed', 'Columns whose types the writer guesses from the values.', [
  column('whole', undefined, (i) => i),
  column('big', undefined, (i) => BigInt(i)),
  column('object', undefined, (i) => ({ place: i })),
  column('bytes', undefined, (i) => new Uint8Array([i])),
  column('maybe', undefined, (i) => (i % 3 ? i / 2 : undefined)),
])

write('variant', 'A VARIANT column, and one that is shredded.', [
  column('mixed', 'VARIANT', (i) => (i % 2 ? { place: i } : [i, 'x', null])),
  column('facts', 'VARIANT', (i) => ({ place: i, name: `n${i}` }), { shredding: true }),
])

write('indexed', 'Encodings, a Bloom filter, page indexes, and row groups of 10 and 95.', [
  column('number', 'INT32', (i) => i, { encoding: 'DELTA_BINARY_PACKED', columnIndex: true }),
  column('url', 'STRING', (i) => `page-${i}`, { bloomFilter: true, encoding: 'DELTA_BYTE_ARRAY' }),
  column('reward', 'FLOAT', (i) => i / 7, { encoding: 'BYTE_STREAM_SPLIT' }),
], { rowGroupSize: [10, 95], pageSize: 512, codec: 'UNCOMPRESSED' })
