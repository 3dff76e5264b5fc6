import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { checkAudit, openAudit, readAudit } from '../../pkg/api/audit.ts';
import { MosError } from '../../pkg/errors/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const call = { who: 'alice', role: 'operator', what: 'POST /v1/update', result: '202' };

/** The log is whole, and what came between the two is not in it. */
async function holdsAliceAndCarol(t: ExecutionContext, folder: string): Promise<void> {
  const { entries, problem } = await readAudit(linuxHost, folder, 10);
  t.is(problem, null);
  t.deepEqual(
    entries.map(({ number, who }) => [number, who]),
    [
      [1, 'alice'],
      [2, 'carol'],
    ],
  );
}

test('every entry hangs on the one before, also over restarts', async (t) => {
  const folder = await temporaryFolder(t);
  for (let round = 0; round < 2; round++) {
    await using audit = await openAudit(linuxHost, folder);
    await audit.record(call);
    for (let i = 0; i < 1000; i++) audit.look({ ...call, what: 'GET /v1/status', result: '200' });
  }
  const { entries, problem } = await readAudit(linuxHost, folder, 10);
  t.is(problem, null);
  t.deepEqual(
    entries.map(({ number, what, count }) => [number, what, count]),
    [
      [1, 'POST /v1/update', 1],
      [2, 'GET /v1/status', 1000],
      [3, 'POST /v1/update', 1],
      [4, 'GET /v1/status', 1000],
    ],
  );
});

test('a log that was begun anew is seen', async (t) => {
  const folder = await temporaryFolder(t);
  await using audit = await openAudit(linuxHost, folder);
  await audit.record(call);
  await audit.record(call);
  await rm(`${folder}/audit.jsonl`);
  await audit.record(call);
  t.is((await readAudit(linuxHost, folder, 10)).problem, 'the entries before 3 are missing');
});

test('an entry that was changed, taken out or put in is seen', async (t) => {
  const folder = await temporaryFolder(t);
  await using audit = await openAudit(linuxHost, folder);
  for (const who of ['alice', 'bob', 'carol']) await audit.record({ ...call, who });
  const text = await readFile(`${folder}/audit.jsonl`, 'utf8');
  const lines = text.split('\n');
  t.is(checkAudit(text).problem, null);
  t.is(checkAudit(text.replace('bob', 'eve')).problem, 'the line after entry 1 does not follow from it');
  t.is(checkAudit([lines[0], lines[2]].join('\n')).problem, 'the line after entry 1 does not follow from it');
  t.is(checkAudit([lines[0], ...lines].join('\n')).problem, 'the line after entry 1 does not follow from it');
  t.is(checkAudit(`${text}x\n`).problem, 'the line after entry 3 does not follow from it');
});

test('a line that a power cut left half is cut off, and the log goes on', async (t) => {
  const folder = await temporaryFolder(t);
  const path = `${folder}/audit.jsonl`;
  {
    await using audit = await openAudit(linuxHost, folder);
    await audit.record(call);
    await audit.record({ ...call, who: 'bob' });
  }
  await truncate(path, (await readFile(path)).length - 10);
  {
    await using audit = await openAudit(linuxHost, folder);
    await audit.record({ ...call, who: 'carol' });
  }
  await holdsAliceAndCarol(t, folder);
});

test('what a full disk did not take breaks no chain', async (t) => {
  const folder = await temporaryFolder(t);
  let isFull = false;
  const resume: Host['files']['resume'] = async (...given) => {
    const file = await linuxHost.files.resume(...given);
    const write = async (bytes: Uint8Array): Promise<void> => {
      await file.write(isFull ? bytes.subarray(0, 10) : bytes);
      if (isFull) throw new MosError('no-space', 'cannot write: no space left');
    };
    return { ...file, write, [Symbol.asyncDispose]: () => file[Symbol.asyncDispose]() };
  };
  await using audit = await openAudit({ ...linuxHost, files: { ...linuxHost.files, resume } }, folder);
  await audit.record(call);
  isFull = true;
  await t.throwsAsync(audit.record({ ...call, who: 'bob' }), { code: 'no-space' });
  isFull = false;
  await audit.record({ ...call, who: 'carol' });
  await holdsAliceAndCarol(t, folder);
});

test('the log is kept to two files, and one chain goes through both', async (t) => {
  const folder = await temporaryFolder(t);
  await using audit = await openAudit(linuxHost, folder);
  await audit.record(call);
  const path = `${folder}/audit.jsonl`;
  const first = await readFile(path, 'utf8');
  await writeFile(path, `${first}${' '.repeat(9 * 1024 * 1024)}`); // as if it had grown
  await audit.record({ ...call, who: 'bob' });
  await writeFile(`${folder}/audit.1.jsonl`, first);
  const { entries, problem } = await readAudit(linuxHost, folder, 10);
  t.is(problem, null);
  t.deepEqual(
    entries.map(({ who }) => who),
    ['alice', 'bob'],
  );
});
