import test from 'ava';
import { firstError, parseExecFailure, parseSaidFailure, parseStartFailure } from '../../pkg/lxc/starting.ts';

const line = (level: string, text: string) =>
  `lxc-attach web 20261126204500.123 ${level.padEnd(8)} attach - ../src/lxc/attach.c:lxc_attach_run_command:1841 - ${text}\n`;

test('a program that could not be executed is told with the reason', (t) => {
  const log = line('ERROR', 'Permission denied - Failed to exec "/etc"');
  t.is(parseExecFailure(log, '/etc'), 'Permission denied');
  t.is(parseExecFailure(log, '/bin'), undefined);
  t.is(parseStartFailure(log, '/etc'), 'its image has no program /etc that can be run (Permission denied)');
});

test('the first error is the one that the others follow from', (t) => {
  const log = `${line('INFO', 'Failed to say')}${line('ERROR', 'Failed to do')}${line('ERROR', 'Failed to end')}`;
  t.is(firstError(log), 'Failed to do');
  t.is(parseStartFailure(log, '/bin/web'), 'Failed to do');
  t.is(firstError(line('INFO', 'Failed to say')), undefined);
});

test('lxc-attach says the same on its stderr, beside the words of programs', (t) => {
  const said =
    'words\nlxc-attach: web: ../src/lxc/attach.c: lxc_attach_run_command: 1841 No such file or directory - Failed to exec "/bin/x"\n';
  t.is(parseSaidFailure(said, '/bin/x'), 'No such file or directory');
  t.is(parseSaidFailure(said, '/bin'), undefined);
  t.is(parseSaidFailure('Failed to exec "/bin/x"\n', '/bin/x'), undefined);
});
