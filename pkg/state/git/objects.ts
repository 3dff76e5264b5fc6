import { hash } from 'node:crypto';
import { isMosError, MosError } from '../../errors/index.ts';
import { type Host, listIfThere } from '../../host/index.ts';
import type { State } from '../paths.ts';
import { unpackStored } from './stored.ts';

/** SHA-1 of an object, 40 lower-case hex digits. */
export type ObjectId = string;
export type ObjectType = 'blob' | 'tree' | 'commit' | 'tag';
export type GitObject = { readonly type: ObjectType; readonly body: Buffer };

/** Larger than any object that we write; what is larger is refused before it fills the memory. */
const largestObject = 8 * 1024 * 1024;

export const isObjectId = (text: string): boolean => /^[0-9a-f]{40}$/.test(text);

/** gitformat-loose: the hash is over `<type> <size>\0<body>`. */
export const objectId = (type: ObjectType, body: Uint8Array): ObjectId =>
  hash('sha1', Buffer.concat([Buffer.from(`${type} ${body.length}\0`), body]), 'hex');

/**
 * One object, its hash compared. Loose objects are read here in a few lines, because that is what every boot does;
 * packs, which only a person's `git gc` makes, by isomorphic-git (README has the figures).
 */
export async function readObject(host: Host, state: State, id: ObjectId): Promise<GitObject> {
  const object = (await readLoose(host, state, id)) ?? (await readPacked(host, state, id));
  if (object !== undefined) return object;
  throw new MosError('corrupt', `cannot read the object ${id} of ${state.repository}: it is missing`);
}

export async function hasObject(host: Host, state: State, type: ObjectType, id: ObjectId): Promise<boolean> {
  return (await readLoose(host, state, id))?.type === type;
}

/** An object that must be of one type. */
export async function readTyped(host: Host, state: State, type: ObjectType, id: ObjectId): Promise<Buffer> {
  const object = await readObject(host, state, id);
  if (object.type === type) return object.body;
  throw new MosError(
    'corrupt',
    `cannot read the object ${id} of ${state.repository}: it is a ${object.type}, not a ${type}`,
  );
}

export const looseFolder = (state: State, id: ObjectId): string => `${state.git}/objects/${id.slice(0, 2)}`;

async function readLoose(host: Host, state: State, id: ObjectId): Promise<GitObject | undefined> {
  let packed: Uint8Array;
  try {
    packed = await host.files.read(`${looseFolder(state, id)}/${id.slice(2)}`);
  } catch (error) {
    if (isMosError(error, 'not-found')) return undefined;
    throw error;
  }
  return parseLoose(packed, id, state.repository);
}

/** The bytes of a loose object's file: what git wrote, or what stands there in its place. */
export async function parseLoose(packed: Uint8Array, id: ObjectId, repository: string): Promise<GitObject> {
  const damaged = (why: string): MosError =>
    new MosError('corrupt', `cannot read the object ${id} of ${repository}: ${why}`);
  const raw = unpackStored(packed) ?? (await inflate(packed));
  if (raw === undefined) throw damaged('it is damaged');
  if (hash('sha1', raw, 'hex') !== id) throw damaged('its bytes have another hash');
  const header = /^(blob|tree|commit|tag) (\d+)$/.exec(raw.subarray(0, raw.indexOf(0)).toString('latin1'));
  const body = raw.subarray(raw.indexOf(0) + 1);
  if (header === null || Number(header[2]) !== body.length) throw damaged('its header is wrong');
  return { type: header[1] as ObjectType, body };
}

/** Objects that another git compressed. Late: a boot that finds our own needs no zlib. */
async function inflate(packed: Uint8Array): Promise<Buffer | undefined> {
  const { inflateSync } = await import('node:zlib');
  try {
    return inflateSync(packed, { maxOutputLength: largestObject });
  } catch {
    return undefined;
  }
}

async function readPacked(host: Host, state: State, id: ObjectId): Promise<GitObject | undefined> {
  const packs = await listIfThere(host, `${state.git}/objects/pack`);
  if (packs.length === 0) return undefined;
  const { readFromPacks } = await import('./packed.ts');
  return readFromPacks(host, state, id);
}
