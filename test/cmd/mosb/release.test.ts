import test from 'ava';
import { call } from '../../helpers/cli.ts';
import { temporaryFolder } from '../../helpers/folder.ts';

const refuses = test.macro({
  async exec(t, words: readonly string[], text: string) {
    const cwd = await temporaryFolder(t);
    const { exit, stdout, stderr } = await call(['mosb', 'release', ...words, '--project', 'acme:default'], {
      cwd,
    });
    t.deepEqual([exit, stdout, stderr.split('\n')[0]], [2, '', `mosb: ${text}`]);
  },
  title: (_, words: readonly string[]) => `refused: mosb release ${words.join(' ')}`,
});

const channel = 'registry.example/machine/stable';
test(refuses, ['sign', 'oci:folder'], 'cannot use "oci:folder" as a release channel');
test(refuses, ['sign', 'registry.example/mos'], 'cannot use "registry.example/mos" as a release channel');
test(refuses, ['sign', `${channel}:latest`], `cannot use "${channel}:latest" as a release channel`);
test(
  refuses,
  ['sign', `${channel}@sha256:${'1'.repeat(64)}`],
  `cannot use "${channel}@sha256:${'1'.repeat(64)}" as a release channel`,
);
test(refuses, ['set-waves', channel, '1.0'], 'cannot set the waves: say --wave, once for each, or --at-once');
test(refuses, ['set-waves', channel, '1.0', '--wave', '5'], 'cannot use "5" as a wave');
test(
  refuses,
  [
    'set-waves',
    channel,
    '1.0',
    '--wave',
    '60@2027-01-01T00:00:00Z/2027-01-02T00:00:00Z',
    '--wave',
    '60@2027-01-01T00:00:00Z/2027-01-02T00:00:00Z',
  ],
  'cannot make waves of 60, 60 %: each must be more than 0, all at most 100',
);
test(refuses, ['set-max', channel], 'cannot set the maximum: say a release number, or --none');
test(refuses, ['set-max', channel, '5', '--none'], 'cannot set the maximum: say a release number, or --none');
test(refuses, ['withdraw', channel, '1.0'], 'cannot withdraw a release: say --reason, or --undo');
