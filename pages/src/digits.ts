// Digits on their way: in order, what is typed meanwhile goes with the next message.

import { callId, explain } from "./actions";
import { sendDigit } from "./phone";
import { isLinked, note } from "./store";
import { link } from "./wire";

const MOST = 32; // of one command
let waiting = { callId: "", digits: "" };
let isSending = false;

export function sendDigits(digits: string): void {
  if (!isLinked.value) {
    for (const digit of digits) sendDigit(digit);
    return;
  }
  const id = callId();
  // What was meant for another call is not sent to this one.
  waiting = { callId: id, digits: (waiting.callId === id ? waiting.digits : "") + digits };
  if (!isSending) void flush();
}

async function flush(): Promise<void> {
  isSending = true;
  try {
    while (waiting.digits && waiting.callId === callId()) {
      const digits = waiting.digits.slice(0, MOST);
      waiting = { ...waiting, digits: waiting.digits.slice(MOST) };
      await link.command("call.send_digits", { call_id: waiting.callId, digits });
    }
  } catch (error) {
    note(explain(error));
  } finally {
    waiting = { callId: "", digits: "" };
    isSending = false;
  }
}
