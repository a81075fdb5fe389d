// A page with one thing to say.

interface Props {
  title: string;
  text: string;
  action?: string;
  run?: () => void;
}

export function Notice({ title, text, action, run }: Props) {
  return (
    <main class="card-page">
      <section class="card" role="status">
        <h1>{title}</h1>
        <p>{text}</p>
        {action && (
          <button class="button primary" onClick={run} autoFocus>
            {action}
          </button>
        )}
      </section>
    </main>
  );
}
