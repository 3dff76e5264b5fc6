import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Secret } from '../../pkg/errors/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import {
  closeSecrets,
  type Provisioned,
  type ProvisionOptions,
  provision,
  type Release,
  releaseSecrets,
} from '../../pkg/system/tpm/index.ts';
import { addKeyset, addPcr7Data, addSudi, authorizedPolicy } from '../../pkg/trust/index.ts';
import { refused } from '../helpers/attacks.ts';
import { Crash, countingHost, crashingHost, watchedHost } from '../helpers/counting-host.ts';
import { hostWithTpm, type SoftwareTpm, softwareTpm } from '../helpers/tpm.ts';

// A TPM is provisioned, gives its secrets to the production boot file alone, and a run that was stopped is ended by the next.

const vendor = { folder: '', certificate: '', key: '', ca: '', policies: '', product: '' };
const sha256 = (...parts: readonly Uint8Array[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest();
/** What the firmware of this test measures before each kind of boot file. */
const measured = {
  production: sha256(Buffer.of(1)),
  limited: sha256(Buffer.of(2)),
  tpm: sha256(Buffer.of(3)),
};
/** The same after its list of revoked files was changed. */
const measuredLater = {
  production: sha256(Buffer.of(4)),
  limited: sha256(Buffer.of(5)),
  tpm: sha256(Buffer.of(6)),
};

/** Policies for firmware that measures this, beside those that are there; returns pcr7data. */
async function signPolicies(folder: string, of: typeof measured, version?: string): Promise<string> {
  const files = Object.entries(of).map(([purpose, digest]) => {
    const file = join(folder, `pcr7.${purpose}`);
    writeFileSync(file, sha256(Buffer.alloc(32), digest));
    return [purpose, file];
  });
  await addPcr7Data(linuxHost, 'acme', { folder, pcr7: Object.fromEntries(files), version });
  return join(folder, 'acme/pcr7data');
}

test.before(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mos-vendor-'));
  await addKeyset(linuxHost, 'acme', { folder, keyType: 'rsa' });
  const sudi = await addSudi(linuxHost, 'acme', 'default', 'SN0001', { folder });
  const policies = await signPolicies(folder, measured);
  Object.assign(vendor, {
    folder,
    certificate: join(sudi.path, 'cert.pem'),
    key: join(sudi.path, 'privkey.pem'),
    ca: join(folder, 'acme/sudi-ca/cert.pem'),
    policies,
    product: readFileSync(join(folder, 'acme/manifest/default/uuid'), 'utf8'),
  });
});
test.after.always(() => rmSync(vendor.folder, { recursive: true }));

const options = (): ProvisionOptions => ({
  certificate: vendor.certificate,
  key: vendor.key,
  ca: vendor.ca,
  policies: vendor.policies,
  time: { now: new Date(), builtAt: new Date(0) },
});
const provisioned = (host: Host, more: Partial<ProvisionOptions> = {}): Promise<Provisioned> =>
  provision(host, { ...options(), ...more }, () => {});

/** Power on, and what the firmware measures of a boot file. */
async function start(
  tpm: SoftwareTpm,
  purpose: keyof typeof measured,
  of: typeof measured = measured,
): Promise<Host> {
  await tpm.restart();
  tpm.tool('pcrextend', `7:sha256=${of[purpose].toString('hex')}`);
  return hostWithTpm(tpm);
}

/** Nothing where it was given. */
const whyOf = (release: Release): string => (release.kind === 'withheld' ? release.why : '');

const layout = `0x1500001: ownerwrite|ownerread|policyread|no_da|written 32
0x1500002: ownerwrite|ownerread|authread|written 8
0x1500020: ownerwrite|ownerread|authread|written 4
0x1500021: ownerwrite|policyread|no_da|written CERTIFICATE
0x1500022: ownerwrite|policyread|no_da|written KEY
0x1500030: ownerwrite|policyread|no_da|written 40
0x1500040: ownerwrite|policywrite|policyread|no_da|written 40
0x1500050: authwrite|nt=0x1|policyread|no_da|written 8
0x1500051: ownerwrite|ownerread|authread|written 8
0x1500052: authwrite|nt=0x4|policyread|no_da 32
`;
/** As tpm2-tools see it. */
function layoutOf(tpm: SoftwareTpm): string {
  const text = tpm.tool('nvreadpublic');
  const areas = text.matchAll(
    /^(0x\w+):.*?attributes:\n\s+friendly: (\S+)\n\s+value: (0x\w+)\n.*?size: (\d+)/gms,
  );
  return [...areas]
    .map(([, index, attributes = '', value, size]) => {
      const type = (Number(value) >> 4) & 0xf; // the tools call whatever isn't ordinary nt=0x1
      return `${index}: ${attributes.replace(/nt=0x\w+/, `nt=0x${type}`)} ${size}\n`;
    })
    .join('');
}
const expectedLayout = (): string =>
  layout
    .replace('CERTIFICATE', String(readFileSync(vendor.certificate).length))
    .replace('KEY', String(readFileSync(vendor.key).length));

test('secrets are given to the production boot file, once in a boot, and to no other', async (t) => {
  const tpm = await softwareTpm(t);
  let host = await start(tpm, 'limited');
  t.deepEqual(await releaseSecrets(host, vendor.policies), { kind: 'not provisioned' });
  host = await start(tpm, 'limited');
  const { attestationKey, steps, ...result } = await provisioned(host);
  t.deepEqual(result, {
    product: vendor.product,
    serial: 'SN0001',
    keyset: 'acme',
    bootedFor: 'limited',
    pcr7: sha256(Buffer.alloc(32), measured.limited).toString('hex'),
  });
  t.is(steps.length, 9);
  t.is(layoutOf(tpm), expectedLayout());
  tpm.tool('readpublic', '-c', '0x81000101', '-f', 'pem', '-o', 'attestation.pem');
  t.is(attestationKey, readFileSync(join(tpm.folder, 'attestation.pem'), 'utf8'));
  const undefine = t.throws(() => tpm.tool('nvundefine', '0x1500040', '-C', 'o'));
  const redefined = 'tpm2 nvundefine of the disk passphrase, to define it anew';
  refused(t, 'NV index redefined', redefined, String(undefine?.message), /ERROR: .*authorization.*/);

  const limited = await releaseSecrets(host, vendor.policies);
  refused(
    t,
    'UKI of the limited key',
    'PCR 7 is that of the limited boot file',
    whyOf(limited),
    /^this boot file is signed for limited use$/,
  );
  host = await start(tpm, 'production');
  const released = await releaseSecrets(host, vendor.policies);
  if (released.kind !== 'released') return t.fail(JSON.stringify(released));
  t.deepEqual(Buffer.from(released.certificate), readFileSync(vendor.certificate));
  t.deepEqual(Buffer.from(released.key), readFileSync(vendor.key));
  t.regex(released.diskPassphrase.reveal(), /^[\w-]{40}$/);
  t.is((await releaseSecrets(host, vendor.policies)).kind, 'withheld', 'PCR 7 is closed');
  host = await start(tpm, 'production');
  t.true(await closeSecrets(host));
  const extended = 'the secrets are asked for after PCR 7 was extended';
  refused(
    t,
    'PCR 7 extended before unlock',
    extended,
    whyOf(await releaseSecrets(host, vendor.policies)),
    /.+/,
  );

  // A limited boot file whose policies say that it is production gets nothing from the TPM.
  const forged = mkdtempSync(join(tmpdir(), 'mos-forged-'));
  t.teardown(() => rmSync(forged, { recursive: true }));
  const place = (purpose: keyof typeof measured) => {
    const hex = sha256(Buffer.alloc(32), measured[purpose]).swap16().toString('hex');
    return `policy-2/${hex.slice(0, 2)}/${hex.slice(2)}`;
  };
  execFileSync('cp', ['-r', `${vendor.policies}/.`, forged]);
  execFileSync('cp', ['-r', `${join(forged, place('production'))}/.`, join(forged, place('limited'))]);
  host = await start(tpm, 'limited');
  t.like(await releaseSecrets(host, forged), {
    kind: 'withheld',
    why: 'cannot verify the signature of a policy: the TPM refuses (the signature is not of this key and digest, 0x2db)',
  });
});

test('a machine that was provisioned, a TPM of somebody else and firmware that nobody signed for are refused', async (t) => {
  const tpm = await softwareTpm(t);
  const host = await start(tpm, 'tpm');
  await provisioned(host);
  await t.throwsAsync(provisioned(host), {
    code: 'exists',
    message: 'cannot provision this machine: it is provisioned already',
  });
  await t.throwsAsync(provisioned(host, { again: { password: new Secret('guessed') } }), {
    code: 'denied',
    message: /wrong password/,
  });
  const stranger = await softwareTpm(t);
  stranger.tool('changeauth', '-c', 'owner', 'stranger');
  await t.throwsAsync(provisioned(await start(stranger, 'tpm')), {
    code: 'state',
    message: 'cannot provision this machine: its TPM has an owner already',
  });
  const fresh = await softwareTpm(t);
  await t.throwsAsync(
    provisioned(await start(fresh, 'tpm'), { again: { password: new Secret('of before it was cleared') } }),
    { code: 'state', message: 'cannot provision this machine again: its TPM has no owner' },
  );
  await fresh.restart();
  await t.throwsAsync(provisioned(hostWithTpm(fresh)), {
    code: 'untrusted',
    message: `cannot trust the firmware of this machine: no policy was signed for PCR 7 = ${'0'.repeat(64)}`,
  });
  await t.throwsAsync(
    provisioned(await start(fresh, 'tpm'), { key: join(vendor.folder, 'acme/uefi-db/privkey.pem') }),
    {
      code: 'untrusted',
      message: /is not the key of/,
    },
  );
  t.is(layoutOf(fresh), '');
});

test('stopped at whatever command, the next run ends it; the password is never lost', async (t) => {
  const counted = await softwareTpm(t);
  const { host: counting, names } = countingHost(await start(counted, 'production'));
  await provisioned(counting);
  const all = names.length;
  t.true(all > 40);
  const every = process.env.CRASH_POINTS === 'all' ? 1 : 9;
  // From the end, where the passwords are set.
  for (let n = all; n >= 2; n -= n > all - 3 ? 1 : every) {
    const tpm = await softwareTpm(t);
    const host = await start(tpm, 'production');
    await t.throwsAsync(provisioned(crashingHost(host, n).host), { instanceOf: Crash }, `point ${n}`);
    const next = await start(tpm, 'production');
    await provisioned(next);
    t.is(layoutOf(tpm), expectedLayout(), `point ${n} of ${all}`);
    t.is((await releaseSecrets(next, vendor.policies)).kind, 'released', `point ${n} of ${all}`);
  }
});

test('a run that takes back what another has set may be stopped as well', async (t) => {
  const counted = await softwareTpm(t);
  const { host: counting, names } = countingHost(await start(counted, 'production'));
  await provisioned(counting);
  const tpm = await softwareTpm(t);
  // The first sets all passwords but the owner's; the TPM is cleared within the first commands of the next.
  const points = [names.length, 5, 6, 7, 8, 9, 10];
  for (const n of points) {
    const { host } = crashingHost(await start(tpm, 'production'), n);
    await t.throwsAsync(provisioned(host), { instanceOf: Crash }, `point ${n}`);
    if (n === names.length) t.regex(tpm.tool('getcap', 'properties-variable'), /lockoutAuthSet: +1/);
  }
  t.regex(tpm.tool('getcap', 'properties-variable'), /lockoutAuthSet: +0/);
  const host = await start(tpm, 'production');
  await provisioned(host);
  t.is(layoutOf(tpm), expectedLayout());
  t.is((await releaseSecrets(host, vendor.policies)).kind, 'released');
});

test('what needs the passphrase is done before the TPM has an owner; where it fails, the next run has another one', async (t) => {
  const tpm = await softwareTpm(t);
  const passphraseFile = join(tpm.folder, 'passphrase');
  const used: string[] = [];
  const install = (fails: boolean) => async () => {
    used.push(readFileSync(passphraseFile, 'utf8'));
    if (fails) throw new Crash('the install failed');
  };
  const run = async (fails: boolean) =>
    provisioned(await start(tpm, 'production'), { passphraseFile, beforeOwned: install(fails) });
  await t.throwsAsync(run(true), { instanceOf: Crash });
  t.regex(tpm.tool('getcap', 'properties-variable'), /ownerAuthSet: +0/);
  t.true((await run(false)).steps.includes('use the passphrase'));
  t.regex(tpm.tool('getcap', 'properties-variable'), /ownerAuthSet: +1/);
  t.not(used[0], used[1]);
  const released = await releaseSecrets(await start(tpm, 'production'), vendor.policies);
  if (released.kind !== 'released') return t.fail(JSON.stringify(released));
  t.is(released.diskPassphrase.reveal(), used[1] ?? '');
});

/** Also what it set as the owner's password: the end of the last command. */
async function provisionedBy(host: Host, more: Partial<ProvisionOptions>): Promise<Secret> {
  let last = Buffer.alloc(0);
  const watch = (name: string, [command]: readonly unknown[]) => {
    if (name === 'tpm.send') last = Buffer.from(command as Uint8Array);
  };
  await provisioned(watchedHost(host, watch), more);
  return new Secret(last.subarray(-32).toString('latin1'));
}

test('the policy version is that of the policies, whatever boot file provisions, and never sinks', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mos-later-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  execFileSync('cp', ['-r', join(vendor.folder, 'acme'), folder]);
  const policies = await signPolicies(folder, measuredLater, '0002');
  const versionOf = (tpm: SoftwareTpm) => tpm.tool('nvread', '0x1500020');
  for (const purpose of ['limited', 'tpm', 'production'] as const) {
    const tpm = await softwareTpm(t);
    const password = await provisionedBy(await start(tpm, purpose, measuredLater), { policies });
    t.is(versionOf(tpm), '0002', purpose);
    const host = await start(tpm, 'production', measuredLater);
    t.is((await releaseSecrets(host, policies)).kind, 'released', purpose);

    const again = { policies, again: { password } };
    await t.throwsAsync(provisioned(await start(tpm, purpose), again), {
      code: 'downgrade',
      message:
        'cannot provision this machine again: its TPM requires policy version 0002, this boot file has policies of 0001',
    });
    t.is(versionOf(tpm), '0002', purpose);
    await provisioned(await start(tpm, purpose, measuredLater), again);
    t.is(versionOf(tpm), '0002', purpose);
  }

  const older = await softwareTpm(t);
  const password = await provisionedBy(await start(older, 'limited'), { policies });
  t.is(versionOf(older), '0001');
  await provisioned(await start(older, 'limited', measuredLater), { policies, again: { password } });
  t.is(versionOf(older), '0002');
  t.is((await releaseSecrets(await start(older, 'production'), policies)).kind, 'withheld', 'made void');
});

test('where no policy for disks is signed for the firmware, nothing is provisioned', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mos-unsigned-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  await addKeyset(linuxHost, 'acme', { folder, keyType: 'rsa' });
  const policies = await signPolicies(folder, measured);
  // The keys of another keyset beside the signatures of this one.
  execFileSync('cp', ['-r', `${vendor.policies}/policy-2/pubkeys`, `${policies}/policy-2`]);
  const tpm = await softwareTpm(t);
  await t.throwsAsync(provisioned(await start(tpm, 'limited'), { policies }), {
    code: 'untrusted',
    message: 'cannot provision this machine: no policy for its disks is signed by acme for its firmware',
  });
  t.is(layoutOf(tpm), '');
});

/** Somebody who had the TPM before it had an owner keeps a password there that he knows. */
function plant(tpm: SoftwareTpm, attributes: string, policy?: Uint8Array): string {
  const known = 'known to somebody who had the TPM';
  const password = known.slice(0, 32);
  writeFileSync(join(tpm.folder, 'planted'), password);
  if (policy) writeFileSync(join(tpm.folder, 'policy'), policy);
  tpm.tool(
    ...['nvdefine', '0x1500001', '-C', 'o', '-s', '32', '-a', attributes],
    ...(policy ? ['-L', 'policy'] : []),
  );
  tpm.tool('nvwrite', '0x1500001', '-C', 'o', '-i', 'planted');
  return password;
}

test('a password that was in the TPM before it had an owner opens nothing', async (t) => {
  const pem = readFileSync(join(vendor.policies, 'policy-2/pubkeys/tpmpass-acme.pem'));
  const policy = authorizedPolicy(createPublicKey(pem));
  const asOurs = 'ownerwrite|ownerread|policyread|no_da';
  for (const [attributes, hierarchies] of [
    ['ownerwrite|ownerread|authread|authwrite', []],
    [asOurs, ['e']],
    [asOurs, ['e', 'l']],
  ] as const) {
    const tpm = await softwareTpm(t);
    const password = plant(tpm, attributes, attributes === asOurs ? policy : undefined);
    for (const hierarchy of hierarchies) tpm.tool('changeauth', '-c', hierarchy, password);
    await provisioned(await start(tpm, 'production'));
    t.is(layoutOf(tpm), expectedLayout());
    for (const hierarchy of ['o', 'e', 'l']) {
      t.throws(() => tpm.tool('changeauth', '-c', hierarchy, '-p', password, 'other'), undefined, hierarchy);
      t.throws(() => tpm.tool('changeauth', '-c', hierarchy, 'other'), undefined, hierarchy);
    }
    const next = await start(tpm, 'production');
    t.is((await releaseSecrets(next, vendor.policies)).kind, 'released');
  }

  for (const [attributes, why] of [
    ['ownerwrite|ownerread|authread', 'its TPM has an owner already'],
    [asOurs, 'what an interrupted run has set in its TPM can not be taken back'],
  ] as const) {
    const tpm = await softwareTpm(t);
    plant(tpm, attributes, attributes === asOurs ? policy : undefined);
    tpm.tool('changeauth', '-c', 'l', 'another');
    await t.throwsAsync(provisioned(await start(tpm, 'production')), {
      code: 'state',
      message: `cannot provision this machine: ${why}`,
    });
  }
});
