import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { mosctl, plain } from '../../helpers/cli.ts';
import { installFrom, makeRoot } from '../../helpers/machine.ts';
import { addImage, makeVendor, publishRelease, type Vendor } from '../../helpers/vendor.ts';

async function release(vendor: Vendor, number: number): Promise<void> {
  const image = await addImage(vendor, `v${number}`, { 'etc/motd': `release ${number}` });
  await publishRelease(vendor, {
    name: 'machine/web:stable',
    manifest: `update_type: complete
release: ${number}
targets:
  - { service_name: hostfs, source: '${image}', version: ${number}.0.0, service_type: hostfs, nsgroup: none, network: { type: host } }
`,
  });
}

test('an update is made step by step, and each step says where it stands', async (t) => {
  const vendor = await makeVendor(t);
  const root = await makeRoot(t, vendor);
  await release(vendor, 1);
  const source = `zot:${vendor.repository}:machine/web:stable`;
  await installFrom(root, source);
  const say = async (...words: string[]): Promise<string> => {
    const { exit, stdout, stderr } = await mosctl(root, 'update', ...words);
    return plain(`${stdout}${stderr}${exit === 0 ? '' : `exit ${exit}\n`}`, { ROOT: root, SOURCE: source });
  };
  t.is(
    await say('check'),
    'mosctl: cannot look for updates: nobody has said where\n  mosctl update settings --source REF or --channel NAME, or POST /v1/updates/settings\nexit 9\n',
  );
  t.is(
    await say('settings', '--source', source, '--window', 'sat,sun 02:00-04:00', '--version-lock', source),
    `source        SOURCE
automatic     off
window        sat,sun 02:00-04:00 (UTC)
delay         0 h
ignore-waves  off
version-lock  SOURCE
check-every   6 h
`,
  );
  const failure = '  last failure: refresh, TIME: cannot look for updates: nobody has said where\n';
  const idle = `Idle: no update is known\n  generation 1 runs, release 1\n${failure}`;
  t.is(await say('check'), idle);
  t.is(
    await say('prepare'),
    'mosctl: cannot prepare: there is no update\n  look for one: mosctl update check, or POST /actions/refresh-updates\nexit 7\n',
  );
  await release(vendor, 2);
  const offered = '  SOURCE (DIGEST)\n  generation 1 runs, release 1\n';
  const since = '  for this machine from TIME\n';
  t.is(await say('check'), `Available: there is an update\n${offered}${since}${failure}`);
  // Seen by a clock that was set back since.
  const record = `${root}/config/mos/upgrade/record.json`;
  const { seen, ...rest } = JSON.parse(await readFile(record, 'utf8'));
  const wrong = seen.map((one: object) => ({ ...one, time: '2099-01-01T00:00:00.000Z' }));
  await writeFile(record, JSON.stringify({ ...rest, seen: wrong }));
  t.is(await say('check'), `Available: there is an update\n${offered}${since}${failure}`);
  t.is(await say('prepare'), `Staged: an update is fetched and verified\n${offered}${since}${failure}`);
  const waits = '  the next boot takes generation 2, release 2\n';
  const ready = `Ready: an update waits for the next boot\n${offered}${waits}${since}${failure}`;
  t.is(await say('activate'), ready);
  t.is(await say('status'), ready);
  t.is(
    await say('deactivate'),
    `Staged: an update is fetched and verified\n${offered.replace('1 runs', '3 runs')}${since}${failure}`,
  );

  // Whatever stands there is brought to its end; another version than the one that is locked is not.
  t.regex(await say('apply'), /^Ready: an update waits for the next boot\n/);
  await say('deactivate');
  await say('settings', '--version-lock', '1.0.0');
  t.regex(
    await say('apply'),
    /^Idle: there is an update, and not yet for this machine\n.*\n {2}not yet: version-lock allows 1.0.0 only\n/,
  );
  t.regex(
    plain((await mosctl(root, 'status')).stdout, { SOURCE: source }),
    /^ {2}update: Idle SOURCE, not yet: version-lock allows 1\.0\.0 only$/m,
  );
});
