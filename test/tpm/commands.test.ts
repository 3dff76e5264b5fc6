import { createHash, createPublicKey, type KeyObject, randomBytes, verify } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Secret } from '../../pkg/errors/index.ts';
import {
  changeAuth,
  closePcr7,
  defineNv,
  incrementNv,
  listNv,
  makeAttestationKey,
  nvAttributes,
  PolicySession,
  quote,
  readAttestationKey,
  readNv,
  readNvPublic,
  readOwners,
  readPcr,
  undefineNv,
  writeNv,
} from '../../pkg/tpm/index.ts';
import { commandPolicy } from '../../pkg/trust/index.ts';
import { hostWithTpm, softwareTpm } from '../helpers/tpm.ts';

// Each command beside tpm2-tools: what one writes the other reads.

const owner = new Secret('owner password');

test('indices, passwords and lists are those that tpm2-tools see; a wrong password is told', async (t) => {
  const software = await softwareTpm(t);
  const { tool, folder } = software;
  const { devices } = hostWithTpm(software);
  const content = randomBytes(1700);
  const area = {
    index: 0x1500021,
    attributes: nvAttributes.ownerWrite | nvAttributes.ownerRead,
    policy: new Uint8Array(),
    bytes: content.length,
  };
  {
    await using tpm = await devices.openTpm();
    t.deepEqual(await readOwners(tpm), { owner: false, endorsement: false, lockout: false });
    t.is(await readNvPublic(tpm, area.index), undefined);
    for (const hierarchy of ['owner', 'endorsement', 'lockout'] as const)
      await changeAuth(tpm, hierarchy, '', owner);
    t.deepEqual(await readOwners(tpm), { owner: true, endorsement: true, lockout: true });
    await defineNv(tpm, owner, area);
    await writeNv(tpm, owner, area.index, content);
    t.deepEqual(await readNvPublic(tpm, area.index), {
      ...area,
      policy: Buffer.alloc(0),
      attributes: area.attributes | nvAttributes.written,
    });
    t.deepEqual(await listNv(tpm), [area.index]);
    t.deepEqual(await readNv(tpm, area, () => ({ password: owner }), 0x40000001), content);
    await t.throwsAsync(undefineNv(tpm, '', area.index), {
      code: 'denied',
      message: 'cannot remove 0x1500021: the TPM refuses (wrong password, 0x9a2)',
    });
    await t.throwsAsync(defineNv(tpm, owner, area), { code: 'io', message: /the index is there already/ });
    await t.throwsAsync(
      readNv(tpm, { index: 0x1500022, bytes: 1 }, () => ({ password: '' })),
      {
        code: 'not-found',
      },
    );
  }
  writeFileSync(join(folder, 'password'), owner.reveal());
  tool('nvread', '0x1500021', '-C', 'o', '-P', 'file:password', '-o', 'content');
  t.deepEqual(readFileSync(join(folder, 'content')), content);
  t.regex(tool('nvreadpublic', '0x1500021'), /friendly: ownerwrite\|ownerread\|written\n.*size: 1700/s);
});

test('a counter counts by its own password, is read by anybody, and cannot be set back', async (t) => {
  const software = await softwareTpm(t);
  const { devices } = hostWithTpm(software);
  await using tpm = await devices.openTpm();
  const auth = new Secret(randomBytes(32).toString('latin1'));
  const area = {
    index: 0x1500050,
    attributes: nvAttributes.counter | nvAttributes.authWrite | nvAttributes.policyRead,
    policy: commandPolicy('nvRead'),
    bytes: 8,
  };
  const read = async () => {
    await using session = await PolicySession.start(tpm);
    await session.meetCommand('nvRead');
    return (await readNv(tpm, area, () => ({ session: session.handle }))).readBigUInt64BE();
  };
  await defineNv(tpm, '', area, auth);
  await incrementNv(tpm, area.index, auth);
  const first = await read();
  await incrementNv(tpm, area.index, auth);
  t.is(await read(), first + 1n);
  await t.throwsAsync(incrementNv(tpm, area.index, new Secret('another')), { code: 'denied' });
  await undefineNv(tpm, '', area.index);
  await defineNv(tpm, '', area, auth);
  await incrementNv(tpm, area.index, auth);
  t.is(await read(), first + 2n);
});

test('PCR 7 is read and closed, and a quote of it is verified by its key alone', async (t) => {
  const software = await softwareTpm(t);
  const { tool, folder } = software;
  const { devices } = hostWithTpm(software);
  const about = randomBytes(32);
  let made: KeyObject;
  {
    await using tpm = await devices.openTpm();
    t.deepEqual(await readPcr(tpm, 7), Buffer.alloc(32));
    await closePcr7(tpm);
    t.is(await readAttestationKey(tpm, 0x81000101), undefined);
    const key = await makeAttestationKey(tpm, '', 0x81000101);
    t.true((await readAttestationKey(tpm, 0x81000101))?.equals(key));
    const { attested, signature } = await quote(tpm, 0x81000101, [7], about);
    t.true(verify('sha256', attested, key, signature));
    t.true(attested.includes(about));
    t.true(
      attested.includes(
        createHash('sha256')
          .update(await readPcr(tpm, 7))
          .digest(),
      ),
    );
    made = key;
  }
  tool('readpublic', '-c', '0x81000101', '-f', 'pem', '-o', 'key.pem');
  t.true(createPublicKey(readFileSync(join(folder, 'key.pem'))).equals(made));
});
