import { createHash } from 'node:crypto';
import type { ObjectType } from './objects.ts';
import { renderStored } from './stored.ts';

export type NewObject = { readonly type: ObjectType; readonly body: Uint8Array };

const typeNumbers = { commit: 1, tree: 2, blob: 3, tag: 4 } as const satisfies Record<ObjectType, number>;

/** gitformat-pack(5), version 2: how several objects are given to git at once. */
export function renderPack(objects: readonly NewObject[]): Buffer {
  const header = Buffer.from('PACK\0\0\0\u0002\0\0\0\0', 'latin1');
  header.writeUInt32BE(objects.length, 8);
  const entries = objects.flatMap(({ type, body }) => [
    entryHeader(typeNumbers[type], body.length),
    renderStored(body),
  ]);
  const pack = Buffer.concat([header, ...entries]);
  return Buffer.concat([pack, createHash('sha1').update(pack).digest()]);
}

/** Three bits of type, then the size: four bits first, seven in each byte that follows. */
function entryHeader(type: number, size: number): Buffer {
  const bytes = [(type << 4) | (size & 0x0f)];
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 0x80;
    bytes.push(rest & 0x7f);
  }
  return Buffer.from(bytes);
}
